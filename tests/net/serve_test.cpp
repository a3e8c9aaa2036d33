// SPDX-License-Identifier: MIT
//
// A server from the inside: limits, errors, silence, and its end.
#include <pirn/net/serve.hpp>

#include <pirn/net/unix.hpp>
#include <pirn/scope/errors.hpp>
#include <pirn/scope/timeout.hpp>

#include "net/pairs.hpp"
#include "net/scarcity.hpp"
#include "net/servers.hpp"
#include "support/tasks.hpp"

#include <array>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

using serving = support::balanced<>;
namespace net = pirn::net;
using namespace std::chrono_literals;

using support::answer;
using support::at_end;
using support::echo;
using support::running;

TEST_F(serving, answers_many_and_ends_when_asked_from_any_thread) {
    pirn::run([] {
        running server{echo};
        {
            std::vector<pirn::join_handle<>> clients;
            for (int i = 0; i < 50; ++i) {
                clients.push_back(pirn::spawn([&, i] {
                    auto client = server.client();
                    EXPECT_EQ(answer(client, std::to_string(i)), std::to_string(i));
                }));
            }
            for (auto& each : clients) each.get();
        }
        std::jthread other{[&] { server.stop.request_stop(); }};
        server.task.get();
        EXPECT_FALSE(server.listener.is_open());
        std::error_code error;
        net::tcp_connect(server.where, error);
        EXPECT_EQ(error, std::errc::connection_refused);
    });
}

TEST_F(serving, works_over_unix_sockets) {
    pirn::run([] {
        std::stop_source stop;
        const auto where = net::unix_address::abstract("pirn-serve-" + std::to_string(::getpid()));
        auto listener = net::unix_listen(where);
        auto server = pirn::spawn([&] {
            net::serve(listener, [](net::unix_stream& client) { echo(client); },
                       {.idle_timeout = 400ms, .stop = stop.get_token(), .quiet = 10ms});
        });
        auto talking = net::unix_connect(where);
        auto idle = net::unix_connect(where);
        auto waiting = pirn::spawn([&] { EXPECT_TRUE(at_end(idle)); });
        while (!waiting.done()) {
            ASSERT_EQ(answer(talking, "hello"), "hello");
            pirn::sleep_for(1ms);
        }
        stop.request_stop();
        EXPECT_TRUE(at_end(talking));
        server.get();
    });
}

TEST_F(serving, has_no_more_connections_than_it_may_and_loses_none) {
    pirn::run([] {
        int open = 0, most = 0, served = 0;
        running server{[&](net::tcp_stream& client) {
                           most = std::max(most, ++open);
                           echo(client);
                           --open;
                           ++served;
                       },
                       {.max_connections = 3}};
        std::vector<pirn::join_handle<>> clients;
        for (int i = 0; i < 20; ++i) {
            clients.push_back(pirn::spawn([&] {
                auto client = server.client();
                EXPECT_EQ(answer(client, "one"), "one");
                pirn::yield_now();
            }));
        }
        for (auto& each : clients) each.get();
        server.end();
        EXPECT_EQ(most, 3);
        EXPECT_EQ(served, 20);
    });
}

TEST_F(serving, goes_on_when_a_handler_fails_and_tells) {
    pirn::run([] {
        std::vector<std::string> told;
        const auto handler = [](net::tcp_stream& client) {
            std::array<char, 1> what{};
            client.read(what);
            if (what[0] == 'e') throw std::runtime_error{"an error"};
            if (what[0] == 'i') throw 7; // no std::exception
            client.write_all("good");
        };
        running server{handler, {.on_error = [&](const std::exception_ptr& what) {
                           told.push_back(pirn::text_of(what));
                       }}};
        for (const char* what : {"e", "i"}) {
            auto client = server.client();
            client.write_all(std::string_view{what});
            EXPECT_TRUE(at_end(client)) << "it is closed";
        }
        auto client = server.client();
        EXPECT_EQ(answer(client, "gggg"), "good");
        server.end();
        ASSERT_EQ(told.size(), 2U);
        EXPECT_EQ(told[0], "an error");
    });
}

TEST_F(serving, prints_errors_that_nobody_wants_to_hear_but_not_those_of_every_day) {
    testing::internal::CaptureStderr();
    std::string peer;
    pirn::run([&peer] {
        const auto handler = [](net::tcp_stream& client) {
            std::array<char, 1> what{};
            client.read(what); // a reset is thrown
            throw std::runtime_error{"a mistake"};
        };
        running server{handler};
        auto resets = server.client();
        pirn::sleep_for(2ms);
        support::reset_on_close(resets);
        resets.close();
        auto client = server.client();
        peer = to_string(client.local_address());
        client.write_all("x");
        EXPECT_TRUE(at_end(client));
        server.end();
    });
    EXPECT_EQ(testing::internal::GetCapturedStderr(),
              "pirn: the handler of a connection failed: a mistake (peer " + peer + ")\n");
}

TEST_F(serving, shuts_down_who_is_idle_and_nobody_else) {
    pirn::run([] {
        const auto listen = [](net::tcp_stream& client) {
            std::array<char, 64> buffer{};
            client.read(buffer);
            if (buffer[0] == 'r') { // only reads
                while (client.read(buffer) != 0) {
                }
            } else { // only writes
                for (std::error_code gone; !gone; pirn::sleep_for(10ms))
                    std::ignore = client.write("x", gone);
            }
        };
        running server{listen, {.idle_timeout = 300ms}};
        auto idle = server.client();
        auto sends = server.client();
        auto receives = server.client();
        receives.write_all("w");
        const auto begin = pirn::clock::now();
        auto sending = pirn::spawn([&] {
            for (; pirn::clock::now() - begin < 1s; pirn::sleep_for(10ms)) sends.write_all("r");
            std::error_code error;
            EXPECT_EQ(sends.peer_address(error), server.where) << "it is still connected";
        });
        auto receiving = pirn::spawn([&] {
            std::array<char, 64> buffer{};
            while (pirn::clock::now() - begin < 1s) EXPECT_GT(receives.read(buffer), 0U);
        });
        EXPECT_TRUE(at_end(idle));
        EXPECT_GE(pirn::clock::now() - begin, 200ms);
        EXPECT_LT(pirn::clock::now() - begin, 5s);
        sending.get();
        receiving.get();
        sends.close();
        receives.close();
        server.end();
    });
}

TEST_F(serving, shuts_down_who_does_not_take_its_answers) {
    pirn::run([] {
        std::error_code error;
        const auto handler = [&](net::tcp_stream& client) {
            const auto lot = support::pattern(64 << 20);
            client.write_all(lot, error);
        };
        running server{handler, {.idle_timeout = 50ms}};
        auto client = server.client();
        support::yield_until([&] { return static_cast<bool>(error); });
        EXPECT_EQ(error, std::errc::broken_pipe);
        server.end();
    });
}

TEST_F(serving, drains_what_is_under_way_and_ends_who_is_silent) {
    pirn::run([] {
        running server{echo, {.quiet = 300ms}};
        auto silent = server.client();
        auto sender = server.client();
        EXPECT_EQ(answer(silent, "x"), "x");
        EXPECT_EQ(answer(sender, "x"), "x");
        const auto sent = support::pattern(8 << 20);
        auto writer = pirn::spawn([&] {
            for (std::size_t at = 0; at < sent.size(); at += sent.size() / 8) {
                sender.write_all(std::span{sent}.subspan(at, sent.size() / 8));
                pirn::sleep_for(10ms);
            }
            sender.shutdown();
        });
        pirn::yield_now();
        server.stop.request_stop();
        EXPECT_TRUE(at_end(silent));
        EXPECT_TRUE(support::read_all(sender) == sent) << "every byte is answered";
        writer.get();
        server.task.get();
    });
}

TEST_F(serving, does_not_take_for_silent_who_waits_for_a_handler_that_is_busy) {
    pirn::run([] {
        std::string heard;
        const auto handler = [&](net::tcp_stream& client) {
            pirn::sleep_for(300ms);
            std::array<char, 8> buffer{};
            while (const std::size_t n = client.read(buffer)) heard.append(buffer.data(), n);
        };
        running server{handler, {.quiet = 150ms}};
        auto client = server.client();
        client.write_all("first ");
        pirn::sleep_for(2ms);
        server.stop.request_stop();
        support::yield_until([&] { return !heard.empty(); });
        client.write_all("second"); // a moment after the first was read at last
        EXPECT_TRUE(at_end(client));
        server.task.get();
        EXPECT_EQ(heard, "first second");
    });
}

TEST_F(serving, cancels_who_has_not_left_when_the_grace_is_over) {
    pirn::run([] {
        bool was_cancelled = false;
        const auto handler = [&](net::tcp_stream&) {
            try {
                support::stand_still();
            } catch (const pirn::cancelled&) {
                was_cancelled = true;
                throw;
            }
        };
        running server{handler, {.quiet = 1ms, .grace = 30ms}};
        auto client = server.client();
        pirn::sleep_for(5ms);
        const auto begin = pirn::clock::now();
        server.end();
        EXPECT_GE(pirn::clock::now() - begin, 30ms);
        EXPECT_LT(pirn::clock::now() - begin, 2s);
        EXPECT_TRUE(was_cancelled);
    });
}

TEST_F(serving, asked_to_stop_itself_cancels_everybody_at_once) {
    pirn::run([] {
        running server{[](net::tcp_stream&) { support::stand_still(); }, {.grace = 1h}};
        auto client = server.client();
        pirn::sleep_for(5ms);
        server.task.request_stop();
        EXPECT_THROW(server.task.get(), pirn::cancelled);
        EXPECT_TRUE(at_end(client));
    });
}

TEST_F(serving, ends_when_somebody_closes_the_listener) {
    pirn::run([] {
        running server{echo};
        auto client = server.client();
        EXPECT_EQ(answer(client, "x"), "x");
        server.listener.close();
        EXPECT_TRUE(at_end(client));
        server.task.get();
    });
}

TEST_F(serving, a_stop_at_any_moment_leaves_nothing) {
    pirn::run([] {
        for (int round = 0; round < 60; ++round) {
            running server{echo,
                           {.max_connections = 4, .idle_timeout = 5ms, .quiet = 1ms, .grace = 3ms}};
            std::vector<pirn::join_handle<>> clients;
            for (int i = 0; i < 8; ++i) {
                clients.push_back(pirn::spawn([&] {
                    std::error_code gone;
                    auto client = net::tcp_connect(server.where, gone);
                    std::array<char, 8> buffer{};
                    while (!gone) {
                        client.write_all("x", gone);
                        if (!gone && client.read(buffer, gone) == 0) break;
                    }
                }));
            }
            for (int i = round % 10; i > 0; --i) pirn::yield_now();
            if (round % 2 == 0) pirn::sleep_for(std::chrono::microseconds{round * 20});
            if (round % 5 == 0) {
                server.task.request_stop();
                EXPECT_THROW(server.task.get(), pirn::cancelled);
                server.listener.close();
            } else {
                server.end();
            }
            for (auto& each : clients) each.get();
        }
    });
}

TEST_F(serving, without_descriptors_serves_those_it_has_and_then_the_others) {
    pirn::run([] {
        running server{echo};
        auto served = server.client();
        EXPECT_EQ(answer(served, "x"), "x");
        auto waiting = server.client();
        {
            auto other = server.client();
            const support::no_descriptor_left scarcity;
            pirn::sleep_for(5ms); // its accept had begun before
            EXPECT_EQ(answer(served, "still there"), "still there");
        }
        EXPECT_EQ(answer(waiting, "y"), "y");
        served.close();
        waiting.close();
        server.end();
    });
}

} // namespace
