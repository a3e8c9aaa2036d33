// SPDX-License-Identifier: MIT
//
// A question of 64 bytes and its answer, over loopback, both ends on one thread: what the library adds
// to four system calls. The argument is the number of connections that talk at the same time.
#include <pirn/net/tcp.hpp>

#include <pirn/loop/loop.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/spawn.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <system_error>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

using message = std::array<std::byte, 64>;

void echo(pirn::net::tcp_stream client) {
    message buffer{};
    std::error_code gone;
    while (const std::size_t n = client.read(buffer, gone)) {
        client.write_all(std::span{buffer}.first(n), gone);
    }
}

void ask(pirn::net::tcp_stream& server) {
    message buffer{};
    server.write_all(buffer);
    for (std::size_t n = 0; n < buffer.size();) n += server.read(std::span{buffer}.subspan(n));
}

void ping_pong(benchmark::State& state, pirn::backend_kind backend) {
    const auto clients = static_cast<std::size_t>(state.range(0));
    pirn::run(pirn::runtime_options{.loop = {.backend = backend}}, [&] {
        state.SetLabel(pirn::current_loop().backend_name());
        auto listener = pirn::net::tcp_listen(pirn::net::address::loopback(0));
        std::vector<pirn::net::tcp_stream> streams;
        for (std::size_t i = 0; i < clients; ++i) {
            streams.push_back(pirn::net::tcp_connect(listener.local_address()));
            pirn::spawn(echo, listener.accept()).detach();
        }
        for (auto _ : state) {
            std::vector<pirn::join_handle<>> round;
            for (auto& stream : streams) round.push_back(pirn::spawn([&stream] { ask(stream); }));
            for (auto& each : round) each.join();
        }
    });
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(ping_pong, uring, pirn::backend_kind::uring)->Arg(1)->Arg(64);
BENCHMARK_CAPTURE(ping_pong, epoll, pirn::backend_kind::epoll)->Arg(1)->Arg(64);

// The same with a buffer that is lent only while there is something in it.
void lent_echo(pirn::net::tcp_stream client, pirn::buffer_ring& buffers) {
    std::error_code gone;
    while (const auto lease = client.read_borrowed(buffers, gone)) {
        client.write_all(lease.data(), gone);
    }
}

void ping_pong_with_lent_buffers(benchmark::State& state, pirn::backend_kind backend) {
    const auto clients = static_cast<std::size_t>(state.range(0));
    pirn::run(pirn::runtime_options{.loop = {.backend = backend}}, [&] {
        state.SetLabel(pirn::current_loop().backend_name());
        pirn::buffer_ring buffers{pirn::current_loop(), {.count = 128, .size = 4096}};
        auto listener = pirn::net::tcp_listen(pirn::net::address::loopback(0));
        std::vector<pirn::net::tcp_stream> streams;
        std::vector<pirn::join_handle<>> echoes;
        for (std::size_t i = 0; i < clients; ++i) {
            streams.push_back(pirn::net::tcp_connect(listener.local_address()));
            echoes.push_back(pirn::spawn(lent_echo, listener.accept(), std::ref(buffers)));
        }
        for (auto _ : state) {
            std::vector<pirn::join_handle<>> round;
            for (auto& stream : streams) round.push_back(pirn::spawn([&stream] { ask(stream); }));
            for (auto& each : round) each.join();
        }
        streams.clear();
    });
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(ping_pong_with_lent_buffers, uring, pirn::backend_kind::uring)->Arg(1)->Arg(64);
BENCHMARK_CAPTURE(ping_pong_with_lent_buffers, epoll, pirn::backend_kind::epoll)->Arg(1)->Arg(64);

} // namespace
