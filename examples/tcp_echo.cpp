// SPDX-License-Identifier: MIT
//
// An echo server: what each client sends, it gets back. One task per connection, written as if it
// blocked; with --threads, one runtime per thread, and the kernel deals out the connections.
// On SIGTERM it stops accepting, answers what it has received, and exits with 0.
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <latch>
#include <list>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
namespace net = pirn::net;

namespace {

// The connections of one thread, at most so many at a time. Built on park, the gate under everything.
struct connections {
    struct connection {
        net::tcp_stream stream;
        pirn::join_handle<> task;
    };
    using place = std::list<connection>::iterator;

    // wait_until_fewer: sleeps while there are so many or more.
    void wait_until_fewer(std::size_t than) {
        while (open.size() >= than) {
            pirn::waiter on{[](pirn::waiter& stopped) noexcept { pirn::unpark(stopped); }};
            waiting = &on;
            pirn::park(on);
            waiting = nullptr;
            pirn::throw_if_stopped();
        }
    }
    void remove(place which) {
        which->task.detach(); // it is the one that calls this
        open.erase(which);
        if (waiting != nullptr) pirn::unpark(*std::exchange(waiting, nullptr));
    }

    std::list<connection> open;
    pirn::waiter* waiting = nullptr;
};

void echo(connections& all, connections::place client) {
    std::array<std::byte, 16384> buffer; // on the coroutine's own stack
    std::error_code gone;                // a peer that resets the connection is no news
    while (const std::size_t n = client->stream.read(buffer, gone)) {
        client->stream.write_all(std::span{buffer}.first(n), gone);
        if (gone) break;
    }
    all.remove(client);
}

void serve(net::tcp_listener& listener, std::size_t most, pirn::io::signal_set& stop) {
    connections all;
    auto acceptor = pirn::spawn({.name = "acceptor"}, [&] {
        for (;;) {
            all.wait_until_fewer(most);
            const auto client = all.open.insert(all.open.end(), {listener.accept(), {}});
            client->task = pirn::spawn({.name = "echo"}, echo, std::ref(all), client);
        }
    });
    stop.wait();
    acceptor.request_stop();
    acceptor.join();
    listener.close();
    std::error_code gone; // what has arrived is still answered: the stream ends after its last byte
    for (auto& client : all.open) client.stream.shutdown(net::shutdown_side::read, gone);
    const auto impatience = pirn::spawn([&all] {
        pirn::sleep_for(5s); // for clients that never take their answers
        for (auto& client : all.open) client.task.request_stop();
    });
    all.wait_until_fewer(1);
}

} // namespace

int main(int argc, char** argv) try {
    example::command_line line{
        argc, argv, "[--port N] [--backend auto|uring|epoll] [--threads T] [--max-connections M]"};
    const auto port = line.number<std::uint16_t>("--port", 0);
    const auto threads = line.number<unsigned>("--threads", 1, 1, 256);
    const auto most = line.number<std::size_t>("--max-connections", 1'000'000, 1);
    const pirn::runtime_options with{.loop = {.backend = line.backend()}};
    line.done();

    std::vector<std::jthread> others;
    std::latch listening{threads};
    const auto run_one = [&](const net::address& where, auto when_listening) {
        pirn::run(with, [&] {
            pirn::io::signal_set stop{SIGTERM, SIGINT};
            auto listener = net::tcp_listen(where, {.reuse_port = threads > 1});
            when_listening(listener.local_address());
            serve(listener, std::max<std::size_t>(1, most / threads), stop);
        });
    };
    run_one(net::address::loopback(port), [&](const net::address& where) {
        while (others.size() + 1 < threads) {
            others.emplace_back([&, where] {
                run_one(where, [&](const net::address&) { listening.count_down(); });
            });
        }
        listening.arrive_and_wait();
        std::printf("listening on %s\n", net::to_string(where).c_str());
        std::fflush(stdout);
    });
    others.clear(); // joins
    std::puts(pirn::to_string(pirn::live()).c_str());
} catch (const std::exception& error) {
    std::fprintf(stderr, "tcp_echo: %s\n", error.what());
    return 1;
}
