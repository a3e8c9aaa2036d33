// SPDX-License-Identifier: MIT
//
// The tour's stop with a network: ten thousand connections between two processes (each end takes a
// descriptor, and a process may not have 20,000).
#include <pirn/pirn.hpp>

#include "tour_stops.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tour {
namespace {

constexpr int clients = 10'000;
constexpr int messages = 5;

bool raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max > clients + 100;
}

void answer(pirn::net::tcp_stream client) {
    std::array<std::byte, 256> buffer;
    while (const auto n = client.read(buffer)) client.write_all(std::span{buffer}.first(n));
}

// The server process: tells its port through a pipe, serves so many connections, and goes.
[[noreturn]] void serve(int port_to) {
    pirn::run([port_to] {
        auto listener = pirn::net::tcp_listen(pirn::net::address::loopback(0));
        const std::uint16_t port = listener.local_address().port();
        if (::write(port_to, &port, sizeof port) != sizeof port) return;
        for (int i = 0; i < clients; ++i) pirn::spawn(answer, listener.accept()).detach();
    });
    ::_exit(pirn::live() == pirn::live_counts{} ? 0 : 1);
}

struct tally {
    int arrived = 0, right = 0;
    std::vector<pirn::waiter*> holding = {};
    pirn::time_point begin = pirn::clock::now();
    std::chrono::duration<double> until_all_open = {};
};

// Waits until all the others have arrived too, so that all connections are open at once.
void meet(tally& sum) {
    if (++sum.arrived % 100 == 0) progress(0.9 * sum.arrived / clients);
    if (sum.arrived == clients) {
        sum.until_all_open = pirn::clock::now() - sum.begin;
        for (pirn::waiter* each : sum.holding) pirn::unpark(*each);
        return;
    }
    pirn::waiter on;
    sum.holding.push_back(&on);
    pirn::park(on);
}

void talk(const pirn::net::address& server, int id, tally& sum) {
    std::error_code error;
    auto stream = pirn::net::tcp_connect(server, error);
    meet(sum);
    for (int i = 0; i < messages && !error; ++i) {
        const std::string sent = std::to_string(id) + " says " + std::to_string(i);
        stream.write_all(sent, error);
        std::string got(sent.size(), ' ');
        for (std::size_t n = 0; n < got.size() && !error;) {
            const auto more = stream.read(std::span{got}.subspan(n), error);
            if (more == 0) return;
            n += more;
        }
        if (got != sent) return;
    }
    sum.right += error ? 0 : 1;
}

} // namespace

finding connections() {
    if (!raise_descriptor_limit()) return {"ulimit -n is below 10,100", "not run", false};
    int port_pipe[2];
    if (::pipe2(port_pipe, O_CLOEXEC) != 0) return {"no pipe", "not run", false};
    const pid_t server = ::fork();
    if (server == 0) serve(port_pipe[1]);
    ::close(port_pipe[1]);
    std::uint16_t port = 0;
    const bool started = ::read(port_pipe[0], &port, sizeof port) == sizeof port;
    ::close(port_pipe[0]);

    tally sum;
    if (started) {
        pirn::run([&, where = pirn::net::address::loopback(port)] {
            for (int id = 0; id < clients; ++id) {
                pirn::spawn([&, id] { talk(where, id, sum); }).detach();
                if (id % 100 == 0) pirn::yield_now();
            }
        });
    }
    if (sum.right < clients) ::kill(server, SIGKILL); // it would wait for the missing ones
    int status = 1;
    ::waitpid(server, &status, 0);
    progress(1);
    const bool right = sum.right == clients && status == 0;
    char measured[64];
    std::snprintf(measured, sizeof measured, "all open after %.1f s", sum.until_all_open.count());
    return {measured, right ? "50,000 answers" : "answers are missing", right};
}

} // namespace tour
