// SPDX-License-Identifier: MIT
//
// A user's file without exceptions and run-time type information that uses the scheduler, the runtime and
// sockets, in the forms that give errors as codes. No GoogleTest here: it would be compiled in this way too.
#include "net/without_exceptions.hpp"

#include <pirn/io/signal.hpp>
#include <pirn/net/tcp.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include <array>
#include <chrono>
#include <span>
#include <system_error>

namespace {

struct counts {
    ~counts() { ++where; }
    int& where;
};

int echo_once(pirn::net::tcp_listener& listener) {
    std::error_code error;
    auto client = listener.accept(error);
    std::array<std::byte, 16> buffer{};
    const std::size_t n = client.read(buffer, error);
    client.write_all(std::span{buffer}.first(n), error);
    return static_cast<int>(n);
}

} // namespace

runtime_seen everything_at_once() {
    runtime_seen seen;
    pirn::run([&] {
        std::error_code error;
        auto listener = pirn::net::tcp_listen(pirn::net::address::parse("127.0.0.1:0"), {}, error);
        const pirn::net::address here = listener.local_address();
        auto server = pirn::spawn([&] { return echo_once(listener); });
        auto stream = pirn::net::tcp_connect(here, error);
        stream.write_all("hello", error);
        std::array<std::byte, 16> answer{};
        seen.echoed = static_cast<int>(stream.read(answer, error));
        seen.sum = server.get() + pirn::spawn([] { return 37; }).get();
        listener.close();
        auto nobody = pirn::net::tcp_connect(here, error);
        seen.refused = error == std::errc::connection_refused;
    });
    return seen;
}

runtime_seen stops_a_task() {
    runtime_seen seen;
    pirn::run([&] {
        auto sleeps = pirn::spawn([&] {
            const counts local{seen.frames_ended};
            pirn::sleep_for(std::chrono::hours{1});
        });
        pirn::yield_now();
        sleeps.request_stop();
        sleeps.join();
        seen.stopped = sleeps.done();
    });
    return seen;
}
