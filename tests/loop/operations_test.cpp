// SPDX-License-Identifier: MIT
//
// What each operation does: nop, poll, accept, connect, receive, send. Timers are in timers_test.cpp,
// cancellation in cancel_test.cpp, what happens at the kernel's limits in limits_test.cpp.
#include <pirn/loop/operations.hpp>

#include "support/backends.hpp"
#include "support/sockets.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::os::handle;
using support::connection;
using support::listener;

class operations_test : public support::on_each_backend {};
INSTANTIATE_TEST_SUITE_P(operations, operations_test, support::every_backend(),
                         support::name_of_backend);

TEST_P(operations_test, nop_completes_with_zero_on_the_next_run) {
    support::nop nop;
    loop().submit(nop);
    EXPECT_EQ(nop.completions, 0);
    EXPECT_EQ(loop().run(run_mode::nowait), 1U);
    EXPECT_TRUE(nop.completed_with(0));
}

// ---- accept and connect ---------------------------------------------------------------------------

TEST_P(operations_test, accept_and_connect_meet) {
    const listener door{loop()};
    support::accept accept{door.get()};
    loop().submit(accept);
    const handle client = support::loop_socket(loop());
    support::connect connect{client.get(), door.address.get(), door.address.size};
    EXPECT_EQ(perform(connect), 0);
    ASSERT_TRUE(run_until([&] { return accept.completions == 1; }));
    const handle server{accept.result()};
    ASSERT_TRUE(server);
    EXPECT_NE(::fcntl(server.get(), F_GETFD) & FD_CLOEXEC, 0);

    support::say(client.get(), "warp");
    std::array<char, 8> space{};
    support::receive receive{server.get(), space};
    EXPECT_EQ(perform(receive), 4);
    EXPECT_EQ(std::string(space.data(), 4), "warp");
    for (const int each : {door.get(), client.get(), server.get()}) {
        loop().release(each);
    }
}

TEST_P(operations_test, accept_takes_a_connection_that_was_there_before) {
    const listener door{loop()};
    const handle client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ASSERT_EQ(::connect(client.get(), door.address.get(), door.address.size), 0);
    support::accept accept{door.get()};
    const handle server{perform(accept)};
    EXPECT_TRUE(server);
    loop().release(door.get());
}

TEST_P(operations_test, accept_serves_several_that_wait_on_one_listener) {
    const listener door{loop()};
    std::vector<handle> servers;
    support::accept first{door.get()};
    support::accept second{door.get()};
    support::accept third{door.get()};
    for (support::accept* each : {&first, &second, &third}) {
        each->then = [&](auto& self) { servers.emplace_back(self.result()); };
        loop().submit(*each);
    }
    loop().run(run_mode::nowait);
    std::vector<handle> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(clients.back().get(), door.address.get(), door.address.size), 0);
    }
    EXPECT_TRUE(run_until([&] { return servers.size() == 3; }));
    for (const handle& each : servers) {
        EXPECT_TRUE(each);
    }
    loop().release(door.get());
}

TEST_P(operations_test, connect_to_a_closed_port_is_refused) {
    support::internet_address nobody;
    {
        const listener door{loop()};
        nobody = door.address;
    }
    const handle client = support::loop_socket(loop());
    support::connect connect{client.get(), nobody.get(), nobody.size};
    EXPECT_EQ(perform(connect), -ECONNREFUSED);
    loop().release(client.get());
}

TEST_P(operations_test, connect_of_what_is_connected_says_so) {
    connection pair = connection::tcp(loop());
    const support::internet_address anywhere{htons(9)};
    support::connect connect{pair.near(), anywhere.get(), anywhere.size};
    EXPECT_EQ(perform(connect), -EISCONN);
}

// ---- receive and send -----------------------------------------------------------------------------

TEST_P(operations_test, receive_gives_what_there_is_and_zero_at_the_end) {
    for (auto make : {&connection::unix_stream, &connection::tcp}) {
        connection pair = make(loop());
        std::array<char, 4> space{};
        support::receive receive{pair.near(), space};
        support::say(pair.far(), "shuttle");
        EXPECT_EQ(perform(receive), 4); // a full buffer
        EXPECT_EQ(std::string(space.data(), 4), "shut");
        EXPECT_EQ(perform(receive), 3); // a short one
        EXPECT_EQ(std::string(space.data(), 3), "tle");
        pair.close_far();
        EXPECT_EQ(perform(receive), 0);
        EXPECT_EQ(perform(receive), 0);
    }
}

TEST_P(operations_test, receive_waits_for_bytes) {
    for (auto make : {&connection::unix_stream, &connection::tcp}) {
        connection pair = make(loop());
        std::array<char, 16> space{};
        support::receive receive{pair.near(), space};
        for (const std::string word : {"warp", "and", "weft"}) {
            loop().submit(receive);
            EXPECT_EQ(loop().run(run_mode::nowait), 0U);
            support::say(pair.far(), word);
            ASSERT_TRUE(run_until([&] { return !receive.in_flight(); }));
            EXPECT_EQ(std::string(space.data(), static_cast<std::size_t>(receive.result())), word);
        }
        loop().submit(receive);
        loop().run(run_mode::nowait);
        pair.close_far();
        ASSERT_TRUE(run_until([&] { return !receive.in_flight(); }));
        EXPECT_EQ(receive.result(), 0);
    }
}

// The end of the stream travels right behind the last bytes: whoever remembers "a short receive, so
// nothing more is there" must not sleep over it.
TEST_P(operations_test, receive_after_a_short_one_does_not_miss_the_end_that_came_with_it) {
    for (int round = 0; round < 50; ++round) {
        connection pair = connection::tcp(loop());
        std::array<char, 16> space{};
        support::receive receive{pair.near(), space};
        loop().submit(receive);
        loop().run(run_mode::nowait); // it waits now, and the descriptor is watched
        support::say(pair.far(), "weft");
        ASSERT_EQ(::shutdown(pair.far(), SHUT_WR), 0);
        ASSERT_TRUE(run_until([&] { return receive.completions == 1; }));
        EXPECT_EQ(receive.result(), 4);
        EXPECT_EQ(perform(receive), 0);
    }
}

TEST_P(operations_test, receive_after_a_short_one_does_not_miss_what_comes_in_between) {
    connection pair = connection::tcp(loop());
    std::array<char, 16> space{};
    support::receive receive{pair.near(), space};
    loop().submit(receive);
    for (int round = 0; round < 200; ++round) {
        support::say(pair.far(), "warp");
        ASSERT_TRUE(run_until([&] { return !receive.in_flight(); }));
        ASSERT_EQ(receive.result(), 4);
        if (round % 2 == 0) {
            support::say(pair.far(), "weft"); // before the next receive is submitted
            ASSERT_EQ(perform(receive), 4);
        }
        loop().submit(receive);
    }
    loop().cancel(receive);
    loop().run();
}

// A datagram is always "short" in a large buffer, and a UNIX stream stops where descriptors came.
TEST_P(operations_test, receive_of_one_datagram_does_not_hide_the_next) {
    connection pair = connection::datagrams(loop());
    std::array<char, 64> space{};
    support::receive receive{pair.near(), space};
    loop().submit(receive);
    loop().run(run_mode::nowait);
    for (const char* const each : {"one", "two", "three"}) {
        support::say(pair.far(), each);
    }
    ASSERT_TRUE(run_until([&] { return !receive.in_flight(); }));
    EXPECT_EQ(receive.result(), 3);
    EXPECT_EQ(perform(receive), 3);
    EXPECT_EQ(perform(receive), 5);
}

TEST_P(operations_test, receive_does_not_stop_for_good_at_urgent_data) {
    connection pair = connection::tcp(loop());
    std::array<char, 64> space{};
    support::receive receive{pair.near(), space};
    loop().submit(receive);
    loop().run(run_mode::nowait);
    support::say(pair.far(), "before");
    ASSERT_EQ(::send(pair.far(), "!", 1, MSG_OOB), 1);
    support::say(pair.far(), "after");
    std::string heard;
    while (heard.size() < 11) {
        if (!receive.in_flight()) {
            loop().submit(receive);
        }
        ASSERT_TRUE(run_until([&] { return !receive.in_flight(); })) << "stopped after " << heard;
        ASSERT_GT(receive.result(), 0);
        heard.append(space.data(), static_cast<std::size_t>(receive.result()));
    }
    EXPECT_EQ(heard, "beforeafter");
}

TEST_P(operations_test, receive_goes_on_after_our_side_has_finished_sending) {
    connection pair = connection::tcp(loop());
    ASSERT_EQ(::shutdown(pair.near(), SHUT_WR), 0);
    std::array<char, 16> space{};
    support::receive receive{pair.near(), space};
    loop().submit(receive);
    loop().run(run_mode::nowait);
    EXPECT_EQ(support::hear(pair.far()), "");
    support::say(pair.far(), "answer");
    ASSERT_TRUE(run_until([&] { return receive.completions == 1; }));
    EXPECT_EQ(receive.result(), 6);
    pair.close_far();
    EXPECT_EQ(perform(receive), 0);
}

TEST_P(operations_test, send_goes_on_after_the_peer_has_finished_sending) {
    connection pair = connection::tcp(loop());
    ASSERT_EQ(::shutdown(pair.far(), SHUT_WR), 0);
    std::array<char, 16> space{};
    support::receive receive{pair.near(), space};
    EXPECT_EQ(perform(receive), 0);
    support::send send{pair.near(), pirn::bytes{"answer"}};
    EXPECT_EQ(perform(send), 6);
    EXPECT_EQ(support::hear(pair.far()), "answer");
}

TEST_P(operations_test, receive_tells_a_reset_from_an_end) {
    connection waiting = connection::tcp(loop());
    std::array<char, 16> space{};
    support::receive receive{waiting.near(), space};
    loop().submit(receive);
    loop().run(run_mode::nowait);
    waiting.reset_far();
    ASSERT_TRUE(run_until([&] { return receive.completions == 1; }));
    EXPECT_EQ(receive.result(), -ECONNRESET);

    connection before = connection::tcp(loop());
    before.reset_far();
    support::receive late{before.near(), space};
    EXPECT_EQ(perform(late), -ECONNRESET);
}

TEST_P(operations_test, send_to_nobody_is_an_error_and_no_signal) {
    struct sigaction deadly{};
    deadly.sa_handler = SIG_DFL; // a test runner may ignore it
    struct sigaction before{};
    ASSERT_EQ(::sigaction(SIGPIPE, &deadly, &before), 0);

    connection local = connection::unix_stream(loop());
    local.close_far();
    support::send lost{local.near(), pirn::bytes{"warp"}};
    EXPECT_EQ(perform(lost), -EPIPE);

    connection remote = connection::tcp(loop());
    remote.reset_far();
    support::send reset{remote.near(), pirn::bytes{"warp"}};
    EXPECT_EQ(perform(reset), -ECONNRESET);
    EXPECT_EQ(perform(reset), -EPIPE);
    ::sigaction(SIGPIPE, &before, nullptr);
}

TEST_P(operations_test, send_waits_for_room) {
    for (auto make : {&connection::unix_stream, &connection::tcp}) {
        connection pair = make(loop());
        const std::string block(64 * 1024, 'x');
        support::send send{pair.near(), pirn::bytes{block}};
        std::size_t sent = 0;
        while (true) { // until the peer's and our own buffers are full
            loop().submit(send);
            loop().run(run_mode::once, pirn::after(20ms));
            if (send.in_flight()) {
                break;
            }
            ASSERT_GT(send.result(), 0);
            sent += static_cast<std::size_t>(send.result());
            send.completions = 0;
        }
        std::size_t heard = 0;
        const auto patience = pirn::after(20s);
        while ((send.in_flight() || heard < sent) && pirn::clock::now() < patience) {
            for (std::size_t n = 1; n > 0;) {
                n = support::hear(pair.far()).size();
                heard += n;
            }
            loop().run(run_mode::once, pirn::after(1ms));
            if (send.completions > 0) {
                ASSERT_GT(send.result(), 0);
                sent += static_cast<std::size_t>(send.result());
                send.completions = 0;
            }
        }
        EXPECT_EQ(heard, sent);
    }
}

// Both directions at once, each in pieces of an awkward size: every byte arrives, in order.
TEST_P(operations_test, receive_and_send_carry_a_mebibyte_each_way_at_once) {
    constexpr std::size_t size = 1 << 20;
    for (auto make : {&connection::unix_stream, &connection::tcp}) {
        connection pair = make(loop());
        std::string data(size, '\0');
        for (std::size_t i = 0; i < size; ++i) {
            data[i] = static_cast<char>(i * 31 + i / 251);
        }
        struct direction {
            direction(int from, int to)
                : send{from, pirn::bytes{}}, receive{to, pirn::mutable_bytes{}} {}
            support::send send;
            support::receive receive;
            std::size_t sent = 0;
            std::string heard;
            std::array<char, 40'001> space{};
        };
        direction there{pair.near(), pair.far()};
        direction back{pair.far(), pair.near()};
        for (direction* each : {&there, &back}) {
            each->send.buffer = pirn::bytes{data}.first(33'333);
            each->send.then = [&, each](auto& self) {
                ASSERT_GT(self.result(), 0);
                each->sent += static_cast<std::size_t>(self.result());
                const auto rest = pirn::bytes{data}.subspan(each->sent);
                self.buffer = rest.first(std::min<std::size_t>(rest.size(), 33'333));
                if (!rest.empty()) {
                    loop().submit(self);
                }
            };
            each->receive.buffer = each->space;
            each->receive.then = [&, each](auto& self) {
                ASSERT_GT(self.result(), 0);
                each->heard.append(each->space.data(), static_cast<std::size_t>(self.result()));
                if (each->heard.size() < size) {
                    loop().submit(self);
                }
            };
            loop().submit(each->receive);
            loop().submit(each->send);
        }
        ASSERT_TRUE(run_until([&] { return loop().pending() == 0; }));
        EXPECT_TRUE(there.heard == data);
        EXPECT_TRUE(back.heard == data);
    }
}

TEST_P(operations_test, receive_and_send_of_what_is_no_socket_say_so) {
    std::array<std::byte, 4> space{};
    support::receive nowhere{-1, space};
    EXPECT_EQ(perform(nowhere), -EBADF);
    support::send to_nowhere{-1, pirn::bytes{"warp"}};
    EXPECT_EQ(perform(to_nowhere), -EBADF);

    std::array<int, 2> both{};
    ASSERT_EQ(::pipe2(both.data(), O_CLOEXEC), 0);
    const handle reader{both[0]};
    const handle writer{both[1]};
    support::receive receive{reader.get(), space};
    EXPECT_EQ(perform(receive), -ENOTSOCK);
    support::send send{writer.get(), pirn::bytes{"warp"}};
    EXPECT_EQ(perform(send), -ENOTSOCK);
}

TEST_P(operations_test, receive_into_nothing_takes_nothing) {
    connection pair = connection::unix_stream(loop());
    support::say(pair.far(), "warp");
    support::receive nothing{pair.near(), pirn::mutable_bytes{}};
    EXPECT_EQ(perform(nothing), 0);
    EXPECT_EQ(support::hear(pair.near()), "warp");
}
} // namespace
