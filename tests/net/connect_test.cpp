// SPDX-License-Identifier: MIT
//
// Happy eyeballs: addresses that refuse, addresses that never answer, and the time that each is given. An
// address that never answers is a listener whose queue is full.
#include <pirn/net/connect.hpp>

#include <pirn/scope/timeout.hpp>

#include "net/pairs.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace {

using connecting = support::balanced<>;
namespace net = pirn::net;
using namespace std::chrono_literals;

// A listener that lets nobody in any more.
class silent {
  public:
    silent() : listener_{net::tcp_listen(net::address::loopback(0), {.backlog = 1})} {
        // They fill its queue; those that find no place stay on their way, and are given up with this.
        for (int i = 0; i < 4; ++i) {
            waiting_.push_back(pirn::spawn([this] {
                std::error_code error;
                auto stream = net::tcp_connect(listener_.local_address(), error);
                pirn::sleep_until(pirn::never);
            }));
        }
        pirn::sleep_for(5ms);
    }
    net::address where() const { return listener_.local_address(); }

  private:
    net::tcp_listener listener_;
    std::vector<pirn::join_handle<>> waiting_;
};

net::address silent_address() { return support::any_listener().local_address(); }

std::chrono::milliseconds since(pirn::time_point begin) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(pirn::clock::now() - begin);
}

TEST_F(connecting, goes_to_a_host_by_name_or_number) {
    pirn::run([] {
        auto listener = support::any_listener();
        const auto port = listener.local_address().port();
        for (const std::string_view host : {"127.0.0.1", "localhost"}) {
            auto near = net::connect(host, port);
            auto far = listener.accept();
            EXPECT_EQ(near.peer_address(), listener.local_address());
            near.write_all("x");
            std::array<char, 4> buffer{};
            EXPECT_EQ(far.read(buffer), 1U);
        }
        net::resolver names{{.cache_for = 1min}};
        net::connect("localhost", port, {.family = net::address_family::v4, .names = &names});
        EXPECT_EQ(names.cached(), 1U);
    });
}

TEST_F(connecting, tries_the_next_address_at_once_when_one_has_refused) {
    pirn::run([] {
        auto listener = support::any_listener();
        const std::array to{silent_address(), silent_address(), listener.local_address()};
        const auto begin = pirn::clock::now();
        EXPECT_EQ(net::connect(to, {.stagger = 10s}).peer_address(), to[2]);
        EXPECT_LT(since(begin), 1s);
    });
}

TEST_F(connecting, tries_the_next_address_beside_one_that_does_not_answer) {
    pirn::run([] {
        const silent first;
        auto listener = support::any_listener();
        const std::array to{first.where(), listener.local_address()};
        const auto begin = pirn::clock::now();
        EXPECT_EQ(net::connect(to, {.stagger = 50ms}).peer_address(), to[1]);
        EXPECT_GE(since(begin), 50ms);
        EXPECT_LT(since(begin), 2s);
    });
}

TEST_F(connecting, takes_no_second_connection_when_the_first_address_answers) {
    pirn::run([] {
        auto first = support::any_listener();
        auto second = support::any_listener();
        auto near = net::connect(std::array{first.local_address(), second.local_address()});
        EXPECT_EQ(near.peer_address(), first.local_address());
        EXPECT_FALSE(pirn::try_with_timeout(20ms, [&] { second.accept(); }));
    });
}

TEST_F(connecting, gives_up_in_time_and_tells_so) {
    pirn::run([] {
        const silent one, other;
        const auto before = pirn::live().descriptors;
        std::error_code error;
        const auto begin = pirn::clock::now();
        net::connect(std::array{one.where(), other.where()}, {.timeout = 60ms, .stagger = 10ms},
                     error);
        EXPECT_EQ(error, std::errc::timed_out);
        EXPECT_GE(since(begin), 60ms);
        EXPECT_LT(since(begin), 2s);
        EXPECT_EQ(pirn::live().descriptors, before) << "the attempts have ended";
        EXPECT_THROW(net::connect("127.0.0.1", one.where().port(), {.timeout = 10ms}),
                     std::system_error);
    });
}

TEST_F(connecting, says_of_each_address_why_it_failed) {
    pirn::run([] {
        const std::array to{silent_address(), silent_address()};
        std::error_code error;
        EXPECT_FALSE(net::connect(to, {}, error).is_open());
        EXPECT_EQ(error, std::errc::connection_refused);
        try {
            net::connect(to);
            ADD_FAILURE();
        } catch (const std::system_error& refused) {
            EXPECT_EQ(refused.code(), std::errc::connection_refused);
            for (const auto& each : to) {
                EXPECT_NE(
                    std::string_view{refused.what()}.find(to_string(each) + ": Connection refused"),
                    std::string_view::npos)
                    << refused.what();
            }
        }
        net::connect("", 80, {}, error);
        EXPECT_EQ(error, net::resolve_errc::host_not_found);
        EXPECT_THROW(net::connect("", 80), std::system_error);
    });
}

TEST_F(connecting, fails_with_the_error_of_the_first_address_that_failed) {
    pirn::run([] {
        const auto refuses = silent_address();
        const auto everybody = net::address::parse("255.255.255.255:9"); // no TCP goes there
        std::error_code error;
        net::connect(std::array{refuses, everybody}, {}, error);
        EXPECT_EQ(error, std::errc::connection_refused);
        net::connect(std::array{everybody, refuses}, {}, error);
        EXPECT_TRUE(error);
        EXPECT_NE(error, std::errc::connection_refused);
    });
}

TEST_F(connecting, asked_to_stop_at_any_moment_leaves_nothing) {
    pirn::run([] {
        const silent first;
        auto listener = support::any_listener();
        const std::array to{first.where(), silent_address(), listener.local_address()};
        const auto before = pirn::live().descriptors;
        int connected = 0;
        for (int round = 0; round < 200 || (connected == 0 && round < 5000); ++round) {
            auto task = pirn::spawn([&] {
                std::error_code error;
                auto stream = net::connect(to, {.stagger = pirn::duration{20us}}, error);
                EXPECT_EQ(stream.is_open(), !error);
                EXPECT_TRUE(!error || error == std::errc::operation_canceled) << error.message();
                connected += stream.is_open() ? 1 : 0;
                if (stream.is_open()) support::reset_on_close(stream);
            });
            for (int i = round % 5; i > 0; --i) pirn::yield_now();
            if (round % 3 != 0) pirn::sleep_for(std::chrono::microseconds{round * 3});
            task.request_stop();
            task.get();
            ASSERT_EQ(pirn::live().descriptors, before);
        }
        EXPECT_GT(connected, 0) << "the races were not mixed";
        auto task = pirn::spawn([&] { EXPECT_THROW(net::connect(to), pirn::cancelled); });
        task.request_stop();
        task.get();
    });
}

TEST(interleave_families, takes_them_by_turns_and_keeps_their_order) {
    const auto at = [](const char* text) { return net::address::parse(text); };
    const std::vector<net::address> found{at("[::1]:1"), at("[::2]:1"), at("[::3]:1"),
                                          at("1.0.0.1:1"), at("1.0.0.2:1")};
    const std::vector<net::address> expected{at("[::1]:1"), at("1.0.0.1:1"), at("[::2]:1"),
                                             at("1.0.0.2:1"), at("[::3]:1")};
    EXPECT_EQ(net::interleave_families(found), expected);
    EXPECT_TRUE(net::interleave_families({}).empty());
    const std::vector<net::address> one{at("1.0.0.1:1"), at("1.0.0.2:1")};
    EXPECT_EQ(net::interleave_families(one), one);
}

} // namespace
