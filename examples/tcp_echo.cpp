// SPDX-License-Identifier: MIT
//
// An echo server: what each client sends, it gets back. One task per connection, written as if it
// blocked; with --threads, one runtime per thread, and the kernel deals out the connections.
//
//   tcp_echo [--port N] [--backend auto|uring|epoll] [--threads T] [--max-connections M]
//
// On SIGTERM or SIGINT it stops accepting, answers what it has received, and exits with 0.
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <latch>
#include <list>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct options {
    std::uint16_t port = 0;
    pirn::backend_kind backend = pirn::backend_kind::automatic;
    unsigned threads = 1;
    std::size_t max_connections = 1'000'000;
};

struct connection {
    pirn::net::tcp_stream stream;
    pirn::join_handle<> task;
};
using place = std::list<connection>::iterator;

// The connections of one thread: at most so many at a time. Built on park, the gate under everything.
class connections {
  public:
    explicit connections(std::size_t most) : most_{most} {}

    void wait_for_room() {
        while (open.size() >= most_) wait();
    }
    void wait_for_none() {
        while (!open.empty()) wait();
    }
    void remove(place which) {
        which->task.detach(); // it is the one that calls this
        open.erase(which);
        if (waiting_ != nullptr) pirn::unpark(*std::exchange(waiting_, nullptr));
    }

    std::list<connection> open;

  private:
    void wait() {
        pirn::waiter on{[](pirn::waiter& asked_to_stop) noexcept { pirn::unpark(asked_to_stop); }};
        waiting_ = &on;
        pirn::park(on);
        waiting_ = nullptr;
        pirn::throw_if_stopped();
    }

    std::size_t most_;
    pirn::waiter* waiting_ = nullptr;
};

void echo(connections& all, place client) {
    std::array<std::byte, 16384> buffer; // on the coroutine's own stack
    std::error_code gone;                // a peer that resets the connection is no news
    while (const std::size_t n = client->stream.read(buffer, gone)) {
        client->stream.write_all(std::span{buffer}.first(n), gone);
        if (gone) break;
    }
    all.remove(client);
}

void serve(pirn::net::tcp_listener& listener, std::size_t most, pirn::io::signal_set& stop) {
    connections all{most};
    auto acceptor = pirn::spawn({.name = "acceptor"}, [&] {
        for (;;) {
            all.wait_for_room();
            const place client = all.open.insert(all.open.end(), connection{listener.accept(), {}});
            client->task = pirn::spawn({.name = "echo"}, echo, std::ref(all), client);
        }
    });
    stop.wait();
    acceptor.request_stop();
    acceptor.join();
    listener.close();
    // What has arrived is still answered: a stream that is shut for reading ends after its last byte.
    std::error_code gone;
    for (auto& client : all.open) client.stream.shutdown(pirn::net::shutdown_side::read, gone);
    const auto impatience = pirn::spawn([&all] {
        pirn::sleep_for(5s); // for clients that never take their answers
        for (auto& client : all.open) client.task.request_stop();
    });
    all.wait_for_none();
}

} // namespace

int main(int argc, char** argv) try {
    options chosen;
    example::command_line line{argc, argv,
                               "[--port N] [--backend auto|uring|epoll] [--threads T] "
                               "[--max-connections M]"};
    for (auto option = line.next(); !option.empty(); option = line.next()) {
        if (option == "--port")
            chosen.port = line.number<std::uint16_t>(0);
        else if (option == "--backend")
            chosen.backend = line.backend();
        else if (option == "--threads")
            chosen.threads = line.number<unsigned>(1, 256);
        else if (option == "--max-connections")
            chosen.max_connections = line.number<std::size_t>(1);
        else
            line.refuse();
    }
    const pirn::runtime_options with{.loop = {.backend = chosen.backend}};
    std::vector<std::jthread> others;
    std::latch listening{chosen.threads};
    const auto one_thread = [&](const pirn::net::address& where, auto&& ready) {
        pirn::run(with, [&] {
            pirn::io::signal_set stop{SIGTERM, SIGINT};
            auto listener = pirn::net::tcp_listen(where, {.reuse_port = chosen.threads > 1});
            ready(listener.local_address());
            serve(listener, std::max<std::size_t>(1, chosen.max_connections / chosen.threads),
                  stop);
        });
    };
    one_thread(pirn::net::address::loopback(chosen.port), [&](const pirn::net::address& where) {
        for (unsigned i = 1; i < chosen.threads; ++i) {
            others.emplace_back(
                [&, where] { one_thread(where, [&](auto&&) { listening.count_down(); }); });
        }
        listening.arrive_and_wait();
        std::printf("listening on %s\n", pirn::net::to_string(where).c_str());
        std::fflush(stdout);
    });
    others.clear(); // joins
    std::puts(pirn::to_string(pirn::live()).c_str());
} catch (const std::exception& error) {
    std::fprintf(stderr, "tcp_echo: %s\n", error.what());
    return 1;
}
