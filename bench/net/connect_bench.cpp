// SPDX-License-Identifier: MIT
//
// A life of a connection over loopback, both ends on one thread: connect, accept, close. By hand, with the operations,
// and through serve. Each is reset, so that no port is left in TIME_WAIT.
#include <pirn/loop/loop.hpp>
#include <pirn/net/serve.hpp>
#include <pirn/net/tcp.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/spawn.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <stop_token>

#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

namespace net = pirn::net;
using namespace std::chrono_literals;

const net::tcp_options reset{.linger = 0s};

void connect_by_hand(benchmark::State& state) {
    pirn::run([&] { // only for its listener
        const auto listener = net::tcp_listen(net::address::loopback(0));
        const auto where = listener.local_address();
        for (auto _ : state) {
            const int near = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            const ::linger now{1, 0};
            ::setsockopt(near, SOL_SOCKET, SO_LINGER, &now, sizeof now);
            ::connect(near, where.raw(), where.raw_size());
            const int far = ::accept4(listener.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
            ::close(near);
            ::close(far);
        }
    });
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(connect_by_hand);

void connect_and_accept(benchmark::State& state, pirn::backend_kind backend) {
    pirn::run(pirn::runtime_options{.loop = {.backend = backend}}, [&] {
        state.SetLabel(pirn::current_loop().backend_name());
        auto listener = net::tcp_listen(net::address::loopback(0));
        const auto where = listener.local_address();
        for (auto _ : state) {
            auto near = net::tcp_connect(where, reset);
            auto far = listener.accept();
        }
    });
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(connect_and_accept, uring, pirn::backend_kind::uring);
BENCHMARK_CAPTURE(connect_and_accept, epoll, pirn::backend_kind::epoll);

// Each is greeted with a byte by a handler in a task of its own.
void connect_to_serve(benchmark::State& state, pirn::backend_kind backend) {
    pirn::run(pirn::runtime_options{.loop = {.backend = backend}}, [&] {
        state.SetLabel(pirn::current_loop().backend_name());
        auto listener = net::tcp_listen(net::address::loopback(0));
        const auto where = listener.local_address();
        std::stop_source stop;
        auto server = pirn::spawn([&] {
            net::serve(listener, [](net::tcp_stream& client) { client.write_all("x"); },
                       {.stop = stop.get_token()});
        });
        for (auto _ : state) {
            auto near = net::tcp_connect(where, reset);
            std::array<std::byte, 8> buffer{};
            near.read(buffer);
        }
        stop.request_stop();
    });
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(connect_to_serve, uring, pirn::backend_kind::uring);
BENCHMARK_CAPTURE(connect_to_serve, epoll, pirn::backend_kind::epoll);

} // namespace
