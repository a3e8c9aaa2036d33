// SPDX-License-Identifier: MIT
//
// Conversations.
#include "soak_clients.hpp"

#include <array>
#include <chrono>
#include <cstring>
#include <vector>

#include <sys/resource.h>

using namespace std::chrono_literals;
namespace net = pirn::net;

namespace soak {
namespace {

std::byte byte_at(std::size_t at, unsigned seed) {
    return static_cast<std::byte>((at * 131 + seed) >> 3);
}

} // namespace

void tallies::add(std::size_t kind, const tally& own) {
    const std::lock_guard lock{mutex};
    tally& sum = all[kind];
    sum.whole += own.whole;
    sum.broken += own.broken;
    sum.cancelled += own.cancelled;
    sum.bytes += own.bytes;
    sum.wrong += own.wrong;
}

bool talk(net::stream_socket& stream, std::size_t size, unsigned seed, tally& sum) {
    std::vector<std::byte> sent(size);
    for (std::size_t i = 0; i < size; ++i) sent[i] = byte_at(i, seed);
    pirn::task_group writing;
    writing.spawn([&] {
        std::error_code gone;
        stream.write_all(sent, gone);
        if (!gone) stream.shutdown(net::shutdown_side::write, gone);
    });
    std::array<std::byte, 3000> buffer;
    std::error_code gone;
    std::size_t got = 0;
    while (const std::size_t n = stream.read(buffer, gone)) {
        for (std::size_t i = 0; i < n; ++i, ++got)
            sum.wrong += got >= size || buffer[i] != sent[got] ? 1U : 0U;
        sum.bytes += n;
    }
    writing.cancel();
    pirn::throw_if_stopped();
    return !gone && got == size;
}

bool talk_to_the_end(net::stream_socket& stream, std::size_t size, unsigned seed, tally& sum) {
    const bool whole = talk(stream, size, seed, sum);
    sum.wrong += whole ? 0U : 1U;
    return whole;
}

bool talk_by_datagram(const net::address& to, unsigned seed, tally& sum) {
    auto socket = net::udp_connect(to);
    std::vector<std::byte> sent(sizeof seed + seed % 1400);
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = byte_at(i, seed);
    std::memcpy(sent.data(), &seed, sizeof seed);
    socket.send(sent);
    std::vector<std::byte> got(1500);
    unsigned whose = ~seed;
    while (whose != seed) { // an answer to the one who had the port before may still come
        got.resize(1500);
        got.resize(socket.receive(got).size);
        std::memcpy(&whose, got.data(), sizeof whose);
    }
    sum.bytes += got.size();
    sum.wrong += got == sent ? 0U : 1U;
    return true;
}

void starve(pirn::time_point until) {
    rlimit usual{};
    ::getrlimit(RLIMIT_NOFILE, &usual);
    while (pirn::clock::now() < until) {
        pirn::sleep_for(200ms);
        const rlimit nothing{8, usual.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &nothing);
        pirn::sleep_for(10ms);
        ::setrlimit(RLIMIT_NOFILE, &usual);
    }
}

} // namespace soak
