// SPDX-License-Identifier: MIT
//
// The load: so many connections, on each one message at a time, answered before the next is sent.
//
//   echo_load PORT CONNECTIONS SECONDS
//
// prints, for the time after a warm-up of a fifth of it:
//
//   requests   how many were answered
//   rate       of them a second
//   p50_us     median of the time from sending to the whole answer
//   p99_us
#include "../usage.h"
#include "ready.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <vector>

#include <sys/epoll.h>
#include <unistd.h>

namespace {

using clock_type = std::chrono::steady_clock;
constexpr std::size_t message_size = 64;

struct connection {
    int socket = -1;
    std::size_t answered = 0; // bytes of the current message
    clock_type::time_point sent;
};

int connect_to(int port) {
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (made < 0 || ::connect(made, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        die_of("connect");
    }
    no_delay(made);
    return made;
}

void send_one(connection& on) {
    static constexpr std::array<char, message_size> message{};
    on.answered = 0;
    on.sent = clock_type::now();
    if (::send(on.socket, message.data(), message.size(), MSG_NOSIGNAL) != message_size) {
        die_of("send");
    }
}

// True when the whole answer is there.
bool receive_some(connection& on) {
    std::array<char, message_size> buffer;
    const ssize_t got = ::recv(on.socket, buffer.data(), message_size - on.answered, MSG_DONTWAIT);
    if (got <= 0) {
        die_of("recv");
    }
    on.answered += static_cast<std::size_t>(got);
    return on.answered == message_size;
}

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "PORT CONNECTIONS SECONDS",
                "Puts an echo server on loopback under load.");
    if (argc != 4) {
        std::fputs("usage: echo_load PORT CONNECTIONS SECONDS\n", stderr);
        return 2;
    }
    const int port = std::atoi(argv[1]);
    const int count = std::atoi(argv[2]);
    const std::chrono::duration<double> length{std::atof(argv[3])};

    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    std::vector<connection> all(static_cast<std::size_t>(count));
    for (connection& each : all) {
        each.socket = connect_to(port);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &each;
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, each.socket, &event);
    }
    const auto begin = clock_type::now();
    const auto warm = begin + std::chrono::duration_cast<clock_type::duration>(length / 5);
    const auto end = warm + std::chrono::duration_cast<clock_type::duration>(length);
    for (connection& each : all) {
        send_one(each);
    }
    std::vector<float> latencies;
    latencies.reserve(1 << 22);
    std::array<epoll_event, 256> events;
    bool counting = false;
    for (auto now = begin; now < end;) {
        const int ready = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), 1000);
        now = clock_type::now();
        if (!counting && now >= warm) {
            counting = true;
            std::puts("warm"); // whoever measures the server's time begins here
            std::fflush(stdout);
        }
        for (int i = 0; i < ready; ++i) {
            auto& one = *static_cast<connection*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (receive_some(one)) {
                if (counting) {
                    const std::chrono::duration<float, std::micro> took = now - one.sent;
                    latencies.push_back(took.count());
                }
                send_one(one);
            }
        }
    }
    const auto at = [&](double part) {
        const auto index =
            static_cast<std::ptrdiff_t>(part * static_cast<double>(latencies.size() - 1));
        std::nth_element(latencies.begin(), latencies.begin() + index, latencies.end());
        return static_cast<double>(latencies[static_cast<std::size_t>(index)]);
    };
    if (latencies.empty()) {
        return 1;
    }
    std::printf("requests %zu\nrate %.0f\n", latencies.size(),
                static_cast<double>(latencies.size()) / length.count());
    std::printf("p50_us %.1f\np99_us %.1f\n", at(0.5), at(0.99));
    std::fflush(stdout);
    ::_exit(0); // thousands of sockets are closed faster by the kernel alone
}
