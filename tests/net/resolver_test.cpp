// SPDX-License-Identifier: MIT
//
// Names: what needs no question, what /etc/hosts knows, what nobody knows, what is kept, and leaving while
// somebody else looks. Answers of a name server are tested by tests/programs/resolve_test.py.
#include <pirn/net/resolver.hpp>

#include <pirn/net/connect.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/timeout.hpp>

#include "support/account.hpp"
#include "support/sanitizers.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using resolving = support::balanced<>;
namespace net = pirn::net;
using namespace std::chrono_literals;
using namespace std::string_view_literals;

// A name that is nobody's by RFC 6761, and too long to be looked for elsewhere than here.
const std::string unknown_name = std::string(64, 'x') + ".invalid";

TEST_F(resolving, of_numeric_hosts_is_answered_at_once) {
    pirn::run([] {
        for (const std::string_view host : {"127.0.0.1", "::1", "fe80::1%lo", "2001:db8::1"}) {
            const auto found = net::resolve(host, 80);
            ASSERT_EQ(found.size(), 1U) << host;
            EXPECT_EQ(found[0].host(), host);
            EXPECT_EQ(found[0].port(), 80);
        }
        EXPECT_EQ(net::resolve("127.0.0.1", "443")[0].port(), 443);
        std::error_code error;
        EXPECT_TRUE(net::resolve("127.0.0.1", "80", net::address_family::v6, error).empty());
        EXPECT_TRUE(error) << "an address of the other family";
    });
}

TEST_F(resolving, of_this_machine_gives_loopback_with_the_port) {
    pirn::run([] {
        for (const auto& each : net::resolve("localhost", 8080)) {
            EXPECT_TRUE(each.is_loopback()) << to_string(each);
            EXPECT_EQ(each.port(), 8080);
        }
        const auto v4 = net::resolve("localhost", 1, net::address_family::v4);
        ASSERT_FALSE(v4.empty());
        EXPECT_TRUE(std::ranges::none_of(v4, &net::address::is_v6));
        EXPECT_EQ(std::ranges::count(v4, v4.front()), 1) << "each address once";
    });
}

// getaddrinfo reads a sign and blanks, and keeps the lowest 16 bits of a number.
TEST_F(resolving, takes_only_ports_that_exist) {
    pirn::run([] {
        for (const char* port : {"65536", "99999", "4294967376", "18446744073709551696", "-1",
                                 "+80", " 80", "80 ", "\t80", "", "-", "0x50", "8 0", "-65456"}) {
            for (const char* host : {"127.0.0.1", "::1", "localhost"}) {
                std::error_code error;
                EXPECT_TRUE(net::resolve(host, port, net::address_family::any, error).empty());
                EXPECT_EQ(error, net::resolve_errc::unknown_service)
                    << host << " \"" << port << '"';
                EXPECT_THROW(net::resolve(host, port), std::system_error);
            }
        }
        for (const char* port : {"0", "80", "080", "65535", "0000000080"}) {
            for (const char* host : {"127.0.0.1", "localhost"}) {
                EXPECT_EQ(net::resolve(host, port).front().port(), std::stoi(port)) << port;
            }
        }
    });
}

TEST_F(resolving, of_services_takes_names_and_numbers) {
    pirn::run([] {
        std::error_code error;
        const auto found = net::resolve("127.0.0.1", "http", net::address_family::any, error);
        if (error) GTEST_SKIP() << "no /etc/services here: " << error.message();
        ASSERT_FALSE(found.empty());
        EXPECT_EQ(found[0].port(), 80);
        net::resolve("localhost", "no such service", net::address_family::any, error);
        EXPECT_TRUE(error == net::resolve_errc::unknown_service ||
                    error == net::resolve_errc::host_not_found)
            << error;
    });
}

TEST_F(resolving, of_what_nobody_knows_is_an_error_of_its_own_category) {
    pirn::run([] {
        std::error_code error;
        EXPECT_TRUE(net::resolve(unknown_name, "80", net::address_family::any, error).empty());
        EXPECT_EQ(error.category(), net::resolve_category());
        EXPECT_FALSE(error.message().empty());
        try {
            net::resolve(unknown_name, 80);
            ADD_FAILURE();
        } catch (const std::system_error& thrown) {
            EXPECT_NE(std::string_view{thrown.what()}.find(unknown_name), std::string_view::npos);
        }
        net::resolve("", "80", net::address_family::any, error);
        EXPECT_EQ(error, net::resolve_errc::host_not_found);
    });
}

TEST_F(resolving, a_name_with_a_zero_byte_is_an_invalid_argument) {
    const std::pair<std::string_view, std::string_view> names[]{
        {"localhost\0.example"sv, "80"sv}, {"\0"sv, "80"sv},          {"127.0.0.1\0"sv, "80"sv},
        {"fe80::1%lo\0x"sv, "80"sv},       {"localhost"sv, "80\0"sv}, {"127.0.0.1"sv, "80\0001"sv},
        {"localhost"sv, "http\0s"sv},
    };
    pirn::run([&] {
        net::resolver keeps{{.cache_for = 1h}};
        for (const auto& [host, service] : names) {
            std::error_code error;
            EXPECT_TRUE(net::resolve(host, service, net::address_family::any, error).empty());
            EXPECT_EQ(error, std::errc::invalid_argument) << host << ' ' << service;
            keeps.resolve(host, service, net::address_family::any, error);
            EXPECT_EQ(error, std::errc::invalid_argument) << host << ' ' << service;
            EXPECT_THROW(net::resolve(host, service), std::system_error);
        }
        EXPECT_EQ(keeps.cached(), 0U);
        std::error_code error;
        EXPECT_FALSE(net::connect("localhost\0.example"sv, 1, {}, error).is_open());
        EXPECT_EQ(error, std::errc::invalid_argument);
        try {
            net::connect("localhost\0.example"sv, 1);
            ADD_FAILURE();
        } catch (const std::system_error& thrown) {
            EXPECT_NE(std::string_view{thrown.what()}.find(R"(localhost\0.example)"),
                      std::string_view::npos)
                << thrown.what();
        }
    });
}

TEST(resolve_errors, have_words_and_equal_the_systems_where_they_mean_the_same) {
    std::vector<std::string> words;
    for (int i = 1; i <= static_cast<int>(net::resolve_errc::other); ++i) {
        words.push_back(std::error_code{static_cast<net::resolve_errc>(i)}.message());
    }
    std::ranges::sort(words);
    EXPECT_EQ(std::ranges::adjacent_find(words), words.end()) << "each says something else";
    EXPECT_EQ(std::error_code{net::resolve_errc::out_of_memory}, std::errc::not_enough_memory);
    EXPECT_EQ(std::error_code{net::resolve_errc::try_again},
              std::errc::resource_unavailable_try_again);
}

TEST_F(resolving, keeps_answers_for_as_long_as_it_is_told) {
    pirn::run([] {
        net::resolver names{{.cache_for = 30ms, .cache_size = 2}};
        names.resolve("localhost", 1);
        EXPECT_EQ(names.cached(), 1U);
        names.resolve("localhost", 1);
        names.resolve("127.0.0.1", 1);
        EXPECT_EQ(names.cached(), 1U) << "the same, and what needs no keeping";
        names.resolve("localhost", 2);
        names.resolve("localhost", 3);
        EXPECT_EQ(names.cached(), 2U) << "no more than it may";
        // A kept answer needs no thread, and none to wait for: it comes without a suspension that matters.
        int most = 0; // in 10 ms, in which a busy machine may do something else
        for (int i = 0; i < 50 && most <= 500 / support::slowness; ++i) {
            names.resolve("localhost", 3);
            const auto begin = pirn::clock::now();
            int answers = 0;
            for (; pirn::clock::now() - begin < 10ms; ++answers) names.resolve("localhost", 3);
            most = std::max(most, answers);
        }
        EXPECT_GT(most, 500 / support::slowness);
        names.clear();
        EXPECT_EQ(names.cached(), 0U);
    });
}

TEST_F(resolving, keeps_that_there_is_no_such_host_for_less_long) {
    pirn::run([] {
        net::resolver names{{.cache_for = 1h, .cache_failures_for = 20ms}};
        std::error_code error;
        names.resolve("", "1", net::address_family::any, error);
        EXPECT_EQ(names.cached(), 0U);
        names.resolve("localhost", "no such service", net::address_family::any, error);
        EXPECT_TRUE(error);
        net::resolver forgets{{.cache_for = 1h, .cache_failures_for = 0ms}};
        forgets.resolve(unknown_name, "1", net::address_family::any, error);
        EXPECT_EQ(forgets.cached(), 0U);
    });
}

TEST_F(resolving, at_the_same_time_shares_the_lookup) {
    pirn::run([] {
        net::resolver names;
        std::vector<pirn::join_handle<>> tasks;
        const auto before = pirn::live().coroutines;
        for (int i = 0; i < 10; ++i) {
            tasks.push_back(
                pirn::spawn([&] { EXPECT_FALSE(names.resolve("localhost", 7).empty()); }));
        }
        pirn::yield_now();
        EXPECT_EQ(pirn::live().coroutines, before + 11) << "ten who ask, and one that looks";
        for (auto& each : tasks) each.get();
        EXPECT_EQ(names.cached(), 0U);
    });
}

TEST_F(resolving, can_be_left_at_any_moment_while_others_wait_on) {
    pirn::run([] {
        net::resolver names;
        int answered = 0;
        int left = 0;
        for (int round = 0; round < 200; ++round) {
            std::vector<pirn::join_handle<>> tasks;
            for (int i = 0; i < 3; ++i) {
                tasks.push_back(pirn::spawn([&] {
                    std::error_code error;
                    const auto found =
                        names.resolve("localhost", "7", net::address_family::any, error);
                    EXPECT_EQ(found.empty(), static_cast<bool>(error));
                    EXPECT_TRUE(!error || error == std::errc::operation_canceled)
                        << error.message();
                    ++(error ? left : answered);
                }));
            }
            for (int i = round % 4; i > 0; --i) pirn::yield_now();
            for (int i = 0; i < round % 4; ++i) {
                if (i < 3) tasks[static_cast<std::size_t>(i)].request_stop();
            }
            if (round % 7 == 0) pirn::sleep_for(50us);
            for (auto& each : tasks) each.get();
        }
        EXPECT_GT(answered, 0);
        EXPECT_GT(left, 0);
        EXPECT_THROW(pirn::with_timeout(0s, [&] { names.resolve("localhost", 7); }),
                     pirn::timed_out);
    });
}

TEST_F(resolving, of_what_somebody_has_just_given_up_begins_anew) {
    pirn::run([] {
        net::resolver names;
        for (int round = 0; round < 50; ++round) {
            auto leaves = pirn::spawn([&] {
                std::error_code error;
                names.resolve("localhost", "7", net::address_family::any, error);
            });
            pirn::yield_now();
            pirn::yield_now(); // the lookup is with the pool
            leaves.request_stop();
            auto stays = pirn::spawn([&] { EXPECT_FALSE(names.resolve("localhost", 7).empty()); });
            leaves.get();
            stays.get();
        }
    });
}

TEST_F(resolving, may_outlive_its_resolver) {
    pirn::run([] {
        auto names = std::make_unique<net::resolver>(net::resolver_options{.cache_for = 1s});
        auto task = pirn::spawn([&] { EXPECT_FALSE(names->resolve("localhost", 7).empty()); });
        pirn::yield_now();
        names.reset();
        task.get();
    });
}

} // namespace
