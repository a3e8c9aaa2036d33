// SPDX-License-Identifier: MIT
//
// Ask several servers at the same time: each question goes to two mirrors, the faster answer counts, nobody waits longer
// than a limit, and where no mirror answers there is something to fall back on. The servers stand in this program, on
// loopback, and are slow or silent on purpose.
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
namespace net = pirn::net;

namespace {

// Answers everybody with one line after a delay.
void serve(net::tcp_listener& listener, std::chrono::milliseconds delay, const char* name) {
    pirn::task_group clients;
    for (;;) {
        clients.spawn([stream = listener.accept(), delay, name]() mutable {
            std::array<std::byte, 64> question;
            if (stream.read(question) == 0) return;
            pirn::sleep_for(delay);
            stream.write_all(std::as_bytes(std::span{std::string_view{name}}));
        });
    }
}

std::string ask(const net::address& server, const std::string& question) {
    auto stream = net::tcp_connect(server);
    stream.write_all(std::as_bytes(std::span{question}));
    std::string answer;
    std::array<std::byte, 64> piece;
    while (const std::size_t n = stream.read(piece)) {
        answer.append(reinterpret_cast<const char*>(piece.data()), n);
    }
    return question + " " + answer;
}

} // namespace

int main(int argc, char** argv) {
    example::no_options(
        argc, argv,
        "Asks several servers at the same time, each with a limit of time and a fallback.");
    pirn::run([] {
        std::vector<net::address> mirrors;
        pirn::task_group servers;
        const auto start = [&](std::chrono::milliseconds delay, const char* name) {
            mirrors.push_back(
                servers.start<net::address>([delay, name](pirn::started<net::address>& ready) {
                    auto listener = net::tcp_listen(net::address::loopback(0));
                    ready(listener.local_address());
                    serve(listener, delay, name);
                }));
        };
        start(30ms, "from the slow one");
        start(2ms, "from the fast one");
        start(1h, "never");

        const auto fetch = [&](const std::string& question, std::size_t one, std::size_t other) {
            auto answer = pirn::try_with_timeout(200ms, [&] {
                return pirn::any([&] { return ask(mirrors[one], question); },
                                 [&] { return ask(mirrors[other], question); });
            });
            return answer.value_or(question + " unknown, from memory");
        };
        std::vector<std::function<std::string()>> questions{
            [&] { return fetch("colour?", 0, 1); },
            [&] { return fetch("weight?", 0, 2); },
            [&] { return fetch("length?", 2, 2); },
        };
        for (auto& answer : pirn::as_completed(questions)) std::puts(answer.get().c_str());
        servers.cancel();
    });
    std::puts(pirn::to_string(pirn::live()).c_str());
}
