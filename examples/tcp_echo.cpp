// SPDX-License-Identifier: MIT
//
// An echo server: what each client sends, it gets back. One task per connection, written as if it
// blocked; with --threads, one runtime per thread, and the kernel deals out the connections.
// On SIGTERM it stops accepting, answers what it has received, and exits with 0.
#include <pirn/pirn.hpp>

#include "command_line.hpp"
#include "connections.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <latch>
#include <new>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
namespace net = pirn::net;

namespace {

void echo(example::connections& all, example::connections::place client) {
    const example::connections::leaving at_the_end{all, client};
    std::array<std::byte, 16384> buffer; // on the coroutine's own stack
    std::error_code gone;                // a peer that resets the connection is no news
    for (int silent = 0; silent < 20; ++silent) {
        while (const std::size_t n = client->stream.read(buffer, gone)) {
            client->stream.write_all(std::span{buffer}.first(n), gone);
            if (gone) return;
            silent = 0;
        }
        if (gone || !all.stopping) return;
        // Shut for reading, the stream ends whenever nothing is there, but more may be on its way; if it
        // met a closed socket, the reset would destroy answers that the client has not read yet.
        pirn::sleep_for(5ms);
    }
}

void serve(net::tcp_listener& listener, std::size_t most, pirn::io::signal_set& stop) {
    example::connections all;
    auto acceptor = pirn::spawn({.name = "acceptor"}, [&] {
        for (;;) {
            all.wait_until_fewer(most);
            std::list<example::connections::connection> one;
            try {
                one.push_back({listener.accept(), {}});
                one.front().task = pirn::spawn({.name = "echo"}, echo, std::ref(all), one.begin());
                all.open.splice(all.open.end(), one);
            } catch (const std::bad_alloc&) {
                // No memory for one more: turned away.
            }
        }
    });
    stop.wait();
    acceptor.request_stop();
    acceptor.join();
    listener.close();
    all.stopping = true;
    std::error_code gone; // what arrives is still answered, until nothing comes any more
    for (auto& client : all.open) client.stream.shutdown(net::shutdown_side::read, gone);
    const auto impatience = pirn::spawn([&all] {
        pirn::sleep_for(5s); // for clients that never take their answers
        for (auto& client : all.open) client.task.request_stop();
    });
    all.wait_until_fewer(1);
}

// The exit code after an error that the world has caused, and a sentence about it.
int complain(const std::exception& error) {
    std::fprintf(stderr, "tcp_echo: %s\n", error.what());
    return 1;
}

} // namespace

int main(int argc, char** argv) try {
    example::command_line line{
        argc, argv, "[--port N] [--backend auto|uring|epoll] [--threads T] [--max-connections M]"};
    const auto port = line.number<std::uint16_t>("--port", 0);
    const auto most = line.number<std::size_t>("--max-connections", 1'000'000, 1);
    const auto threads = std::min<std::size_t>(line.number("--threads", 1U, 1U, 256U), most);
    const pirn::runtime_options with{.loop = {.backend = line.backend()}};
    line.done();

    std::vector<std::jthread> others;
    std::latch listening{static_cast<std::ptrdiff_t>(threads)};
    const auto run_one = [&](const net::address& where, auto when_listening) {
        pirn::run(with, [&] {
            pirn::io::signal_set stop{SIGTERM, SIGINT};
            auto listener = net::tcp_listen(where, {.reuse_port = threads > 1});
            when_listening(listener.local_address());
            serve(listener, most / threads, stop);
        });
    };
    run_one(net::address::loopback(port), [&](const net::address& where) {
        while (others.size() + 1 < threads) {
            others.emplace_back([&, where] {
                try {
                    run_one(where, [&](const net::address&) { listening.count_down(); });
                } catch (const std::exception& error) {
                    std::_Exit(complain(error)); // fewer threads than asked for are no server
                }
            });
        }
        listening.arrive_and_wait();
        std::printf("listening on %s\n", net::to_string(where).c_str());
        std::fflush(stdout);
    });
    others.clear(); // joins
    std::puts(pirn::to_string(pirn::live()).c_str());
} catch (const std::exception& error) {
    return complain(error);
}
