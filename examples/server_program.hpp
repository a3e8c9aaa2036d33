// SPDX-License-Identifier: MIT
//
// What the example servers have in common: the options, a runtime for each thread, SIGTERM, and the account at the
// end. Not part of the library.
//
//   example::server_program program{argc, argv, "tcp_echo", "Echoes what clients send."};
//   return program.run([&](const auto& where, auto ready, std::stop_token stop) {
//       … listen at `where`; ready(local_address); serve until the stop …
//   });
#pragma once

#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <latch>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace example {

class server_program {
  public:
    // `summary`: what it does, for --help. `usage`: options of the program's own, which it takes out of line() before it
    // calls run.
    server_program(int argc, char** argv, const char* name, const char* summary,
                   const std::string& usage = "")
        : name_{name},
          usage_{"[--port N] [--backend auto|uring|epoll] [--threads T] [--max-connections M]" +
                 usage},
          line_{argc, argv, usage_.c_str(), summary} {
        port_ = line_.number<std::uint16_t>("--port", 0);
        most_ = line_.number<std::size_t>("--max-connections", 1'000'000, 1, pirn::semaphore::max);
        threads_ = std::min<std::size_t>(line_.number("--threads", 1U, 1U, 256U), most_);
        with_.loop.backend = line_.backend();
    }

    command_line& line() { return line_; }
    bool several_threads() const { return threads_ > 1; }
    std::size_t connections_of_a_thread() const { return most_ / threads_; }

    // run: calls serve(where, ready, stop) in a runtime on each thread, the first one with the port asked for, the
    // others with the one that the first has told. Returns the exit code.
    template <class Serve>
    int run(Serve serve) try {
        line_.done();
        std::stop_source stop;
        std::vector<std::jthread> others;
        const at_the_end stop_others{stop}; // before they are joined, however this ends
        std::latch listening{static_cast<std::ptrdiff_t>(threads_)};
        pirn::run(with_, [&] {
            pirn::io::signal_set signals{SIGTERM, SIGINT};
            pirn::task_group waiting;
            waiting.spawn([&] {
                const at_the_end stop_all{stop}; // also when the signals cannot be waited for
                signals.wait();
            });
            const auto ready = [&](const pirn::net::address& where) {
                while (others.size() + 1 < threads_) {
                    others.emplace_back(
                        [&, where] { run_beside(serve, where, listening, stop.get_token()); });
                }
                listening.arrive_and_wait();
                std::printf("listening on %s\n", pirn::net::to_string(where).c_str());
                std::fflush(stdout);
            };
            serve(pirn::net::address::loopback(port_), ready, stop.get_token());
            waiting.cancel();
            waiting.wait(); // throws what has ended the wait for signals
        });
        others.clear(); // joins
        std::puts(pirn::to_string(pirn::live()).c_str());
        return 0;
    } catch (const std::exception& error) {
        return complain(error);
    }

  private:
    // at_the_end: requests the stop when its scope is left.
    struct at_the_end {
        std::stop_source& stop;
        ~at_the_end() { stop.request_stop(); }
    };

    template <class Serve>
    void run_beside(Serve& serve, const pirn::net::address& where, std::latch& listening,
                    std::stop_token stop) {
        try {
            pirn::run(with_, [&] {
                serve(where, [&](const pirn::net::address&) { listening.count_down(); }, stop);
            });
        } catch (const std::exception& error) {
            std::_Exit(complain(error)); // fewer threads than asked for are no server
        }
    }

    // The exit code after an error that the world has caused, and a sentence about it.
    int complain(const std::exception& error) const {
        std::fprintf(stderr, "%s: %s\n", name_, error.what());
        return 1;
    }

    const char* name_;
    std::string usage_;
    command_line line_;
    std::uint16_t port_ = 0;
    std::size_t most_ = 0;
    std::size_t threads_ = 1;
    pirn::runtime_options with_;
};

} // namespace example
