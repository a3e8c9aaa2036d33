// SPDX-License-Identifier: MIT
//
// Many clients: at once, in a row, and beside one that floods.
#include <pirn/net/tcp.hpp>

#include "net/pairs.hpp"

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace {

using load = support::balanced<>;
namespace net = pirn::net;

void echo_to(net::tcp_stream client) {
    std::array<std::byte, 4096> buffer{};
    std::error_code gone;
    while (const std::size_t n = client.read(buffer, gone)) {
        client.write_all(std::span{buffer}.first(n), gone);
        if (gone) return;
    }
}

// What is sent comes back. Suspends.
bool asks_and_hears(net::tcp_stream& stream, const std::string& words) {
    stream.write_all(words);
    std::string heard(words.size(), ' ');
    for (std::size_t n = 0; n < heard.size();) {
        const std::size_t more = stream.read(std::span{heard}.subspan(n));
        if (more == 0) return false;
        n += more;
    }
    return heard == words;
}

TEST_F(load, of_a_thousand_clients_at_once_is_served) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2100) {
        GTEST_SKIP() << "ulimit -n is " << limit.rlim_cur << ", both ends of 1,000 need 2,100";
    }
    int served = 0;
    pirn::run([&] {
        auto listener = support::any_listener();
        auto acceptor = pirn::spawn([&] {
            for (;;) pirn::spawn(echo_to, listener.accept()).detach();
        });
        std::vector<pirn::join_handle<>> clients;
        for (int id = 0; id < 1000; ++id) {
            clients.push_back(pirn::spawn([&, id] {
                auto stream = support::connect_to(listener);
                bool right = true;
                for (int i = 0; i < 5; ++i) {
                    right = right &&
                            asks_and_hears(stream, std::to_string(id) + ":" + std::to_string(i));
                }
                served += right ? 1 : 0;
            }));
        }
        for (auto& each : clients) each.get();
    });
    EXPECT_EQ(served, 1000);
}

TEST_F(load, of_thousands_of_connections_in_a_row_leaves_nothing_behind) {
    pirn::run([] {
        auto listener = support::any_listener();
        auto acceptor = pirn::spawn([&] {
            for (;;) pirn::spawn(echo_to, listener.accept()).detach();
        });
        for (int i = 0; i < 3000; ++i) {
            auto stream = support::connect_to(listener);
            ASSERT_TRUE(asks_and_hears(stream, std::to_string(i)));
            support::reset_on_close(stream); // no port is left in TIME_WAIT
        }
    });
}

TEST_F(load, of_one_that_floods_does_not_starve_another) {
    pirn::run([] {
        auto listener = support::any_listener();
        auto acceptor = pirn::spawn([&] {
            for (;;) pirn::spawn(echo_to, listener.accept()).detach();
        });
        auto flood = support::connect_to(listener);
        auto writer = pirn::spawn([&] {
            const auto lot = support::pattern(1 << 20);
            std::error_code stopped;
            while (!stopped) flood.write_all(lot, stopped);
        });
        auto reader = pirn::spawn([&] {
            std::vector<std::byte> buffer(65536);
            std::error_code stopped;
            while (!stopped) static_cast<void>(flood.read(buffer, stopped));
        });
        auto polite = support::connect_to(listener);
        for (int i = 0; i < 100; ++i) {
            const auto asked = pirn::clock::now();
            ASSERT_TRUE(asks_and_hears(polite, "still there?"));
            EXPECT_LT(pirn::clock::now() - asked, std::chrono::seconds{2});
        }
    });
}

} // namespace
