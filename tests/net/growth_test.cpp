// SPDX-License-Identifier: MIT
//
// What many connections and many names cost: see support/growth.hpp.
#include "support/growth.hpp"

#include <pirn/net/resolver.hpp>
#include <pirn/net/serve.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/spawn.hpp>

#include "net/servers.hpp"
#include "support/account.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace {

namespace net = pirn::net;
using namespace std::chrono_literals;

class growth : public support::balanced<> {};

void trim() { pirn::trim_default_stacks(); }

// connections_for: two descriptors each, and 8n of them; 0: not enough for a test.
std::size_t connections_for(std::size_t wanted) {
    const std::size_t n = std::min(wanted, support::descriptors_available() / 2 / 8);
    return n >= 16 ? n : 0;
}

// With what is done for each of them now and then: limits, idle timeouts, and the drain at the end.
TEST_F(growth, connections_of_a_server_closed_in_random_order) {
    const std::size_t most = connections_for(150);
    if (most == 0) GTEST_SKIP() << "too few descriptors";
    support::expect_linear(
        most,
        [](std::size_t n) {
            pirn::run([n] {
                support::running server{support::echo,
                                        {.idle_timeout = 1h, .stack_size = std::size_t{16} * 1024}};
                std::vector<net::tcp_stream> clients;
                for (std::size_t i = 0; i < n; ++i) {
                    clients.push_back(server.client());
                    support::reset_on_close(clients.back()); // no port is kept for it
                    EXPECT_EQ(support::answer(clients.back(), "x"), "x");
                }
                for (const std::size_t i : support::shuffled(n)) clients[i].close();
                server.end();
            });
        },
        trim);
}

// As many answers as are kept, and as many again, for each of which another one goes.
TEST_F(growth, answers_that_a_resolver_keeps) {
    support::expect_linear(
        200,
        [](std::size_t n) {
            pirn::run([n] {
                net::resolver names{{.cache_for = 1h, .cache_size = n / 2}};
                const std::size_t ports = n;
                for (std::size_t port = 1; port <= ports; ++port) {
                    EXPECT_FALSE(
                        names.resolve("localhost", static_cast<std::uint16_t>(port)).empty());
                }
                EXPECT_EQ(names.cached(), n / 2);
            });
        },
        trim);
}

// An answer that is kept for ever takes a place as any other.
TEST_F(growth, answers_that_never_expire_are_counted) {
    pirn::run([] {
        net::resolver names{{.cache_for = pirn::duration::max(), .cache_size = 3}};
        for (std::uint16_t port = 1; port <= 5; ++port) names.resolve("localhost", port);
        EXPECT_EQ(names.cached(), 3U);
        names.clear();
        EXPECT_EQ(names.cached(), 0U);
    });
}

} // namespace
