// SPDX-License-Identifier: MIT
//
// TCP as a user sees it: connections, bytes in both directions, ends and errors.
#include <pirn/net/tcp.hpp>

#include <pirn/io/copy.hpp>
#include <pirn/io/temporary.hpp>

#include "net/pairs.hpp"

#include <array>
#include <csignal>
#include <string>
#include <string_view>
#include <system_error>

#include <gtest/gtest.h>

namespace {

using tcp = support::balanced<>;
namespace net = pirn::net;

TEST_F(tcp, listens_on_a_port_that_the_kernel_chooses) {
    pirn::run([] {
        const auto listener = net::tcp_listen("127.0.0.1:0");
        EXPECT_TRUE(listener.is_open());
        EXPECT_GT(listener.local_address().port(), 0);
    });
}

TEST_F(tcp, knows_both_ends_of_a_connection) {
    pirn::run([] {
        auto [near, far] = support::pair();
        EXPECT_EQ(near.local_address(), far.peer_address());
        EXPECT_EQ(near.peer_address(), far.local_address());
    });
}

TEST_F(tcp, carries_bytes_and_then_the_end) {
    pirn::run([] {
        auto [near, far] = support::pair();
        near.write_all("hello");
        std::array<char, 64> buffer{};
        EXPECT_EQ(far.read(buffer), 5U);
        EXPECT_EQ(std::string_view(buffer.data(), 5), "hello");
        near.close();
        EXPECT_FALSE(near.is_open());
        EXPECT_EQ(far.read(buffer), 0U);
        EXPECT_EQ(far.read(buffer), 0U) << "and again";
    });
}

TEST_F(tcp, carries_megabytes_both_ways_at_once) {
    pirn::run([] {
        auto [near, far] = support::pair();
        const auto sent = support::pattern(4 << 20, 1);
        const auto answered = support::pattern(4 << 20, 2);
        auto writer = pirn::spawn([&] {
            near.write_all(sent);
            near.shutdown();
        });
        auto answerer = pirn::spawn([&] {
            far.write_all(answered);
            far.shutdown();
        });
        auto reader = pirn::spawn([&] { EXPECT_TRUE(support::read_all(far, 10'000) == sent); });
        EXPECT_TRUE(support::read_all(near) == answered);
        writer.get();
        answerer.get();
        reader.get();
    });
}

TEST_F(tcp, write_all_goes_on_where_the_kernel_took_only_a_part) {
    pirn::run([] {
        auto [near, far] = support::pair();
        const int tiny = 1;
        ::setsockopt(near.native_handle(), SOL_SOCKET, SO_SNDBUF, &tiny, sizeof tiny);
        const auto sent = support::pattern(300'000);
        auto writer = pirn::spawn([&] {
            near.write_all(sent);
            near.close();
        });
        EXPECT_TRUE(support::read_all(far, 777) == sent);
        writer.get();
    });
}

TEST_F(tcp, reads_on_after_its_own_half_is_closed) {
    pirn::run([] {
        auto [near, far] = support::pair();
        near.write_all("question");
        near.shutdown();
        auto answerer = pirn::spawn([&] {
            const auto question = support::read_all(far);
            far.write_all(question);
            far.close();
        });
        EXPECT_EQ(support::read_all(near).size(), 8U);
        answerer.get();
    });
}

TEST_F(tcp, tells_a_reset_from_an_end) {
    pirn::run([] {
        auto [near, far] = support::pair();
        support::reset_on_close(near);
        near.close();
        std::array<char, 8> buffer{};
        std::error_code error;
        EXPECT_EQ(far.read(buffer, error), 0U);
        EXPECT_EQ(error, std::errc::connection_reset);
    });
}

TEST_F(tcp, writing_to_who_is_gone_is_an_error_and_no_signal) {
    ASSERT_EQ(std::signal(SIGPIPE, SIG_DFL), SIG_DFL) << "SIGPIPE would end this process";
    pirn::run([] {
        auto [near, far] = support::pair();
        support::reset_on_close(far);
        far.close();
        std::error_code error;
        for (int i = 0; i < 100 && !error; ++i) {
            near.write_all("x", error);
        }
        EXPECT_TRUE(error == std::errc::broken_pipe || error == std::errc::connection_reset)
            << error;
        EXPECT_THROW(near.write_all("x"), std::system_error);
    });
}

TEST_F(tcp, writing_in_any_way_to_who_is_gone_is_an_error_and_no_signal) {
    ASSERT_EQ(std::signal(SIGPIPE, SIG_DFL), SIG_DFL) << "SIGPIPE would end this process";
    using write = std::size_t (*)(net::tcp_stream&, std::error_code&);
    const std::array<write, 3> ways{
        [](net::tcp_stream& stream, std::error_code& error) {
            const std::array<pirn::bytes, 2> pieces{pirn::bytes{"weft"}, pirn::bytes{"warp"}};
            return stream.write_all_vector(pieces, error);
        },
        [](net::tcp_stream& stream, std::error_code& error) {
            return stream.write_zero_copy("weft", error);
        },
        [](net::tcp_stream& stream, std::error_code& error) {
            pirn::io::temporary_file file;
            file.file().write_all("weft");
            file.file().seek(0);
            return static_cast<std::size_t>(pirn::io::copy(file.file(), stream, {}, error));
        }};
    for (const write each : ways) {
        pirn::run([each] {
            auto [near, far] = support::pair();
            support::reset_on_close(far);
            far.close();
            std::error_code error;
            EXPECT_EQ(each(near, error), 0U); // hears of the reset
            EXPECT_TRUE(error);
            for (int i = 0; i < 3; ++i) {
                EXPECT_EQ(each(near, error), 0U);
                EXPECT_EQ(error, std::errc::broken_pipe);
            }
        });
    }
}

TEST_F(tcp, shut_down_on_one_side_still_works_on_the_other) {
    pirn::run([] {
        auto [near, far] = support::pair();
        near.shutdown(net::shutdown_side::read);
        near.write_all("weft");
        std::array<char, 8> space{};
        EXPECT_EQ(far.read(space), 4U);
        EXPECT_EQ(near.read(space), 0U);
        far.shutdown(net::shutdown_side::write);
        near.write_all("warp");
        EXPECT_EQ(far.read(space), 4U);
    });
}

TEST_F(tcp, connecting_to_nobody_is_refused) {
    pirn::run([] {
        net::address nobody;
        {
            const auto listener = support::any_listener();
            nobody = listener.local_address();
        }
        std::error_code error;
        EXPECT_FALSE(net::tcp_connect(nobody, error).is_open());
        EXPECT_EQ(error, std::errc::connection_refused);
        try {
            net::tcp_connect(nobody);
            ADD_FAILURE() << "connected";
        } catch (const std::system_error& refused) {
            EXPECT_NE(std::string{refused.what()}.find(to_string(nobody)), std::string::npos);
        }
    });
}

TEST_F(tcp, listening_twice_on_one_port_is_an_error_unless_both_want_it) {
    pirn::run([] {
        const auto first = support::any_listener();
        std::error_code error;
        const auto again = net::tcp_listen(first.local_address(), {}, error);
        EXPECT_EQ(error, std::errc::address_in_use);
        EXPECT_FALSE(again.is_open());
        const auto shared = net::tcp_listen(net::address::loopback(0), {.reuse_port = true});
        const auto sharing = net::tcp_listen(shared.local_address(), {.reuse_port = true});
        EXPECT_EQ(shared.local_address(), sharing.local_address());
    });
}

TEST_F(tcp, writing_nothing_is_done_at_once) {
    pirn::run([] {
        auto [near, far] = support::pair();
        EXPECT_EQ(near.write(""), 0U);
        near.write_all(pirn::bytes{});
        near.set_no_delay(false);
        near.set_no_delay(true);
    });
}

TEST_F(tcp, an_error_code_is_cleared_by_the_next_success) {
    pirn::run([] {
        auto [near, far] = support::pair();
        auto error = std::make_error_code(std::errc::not_supported);
        near.write_all("x", error);
        EXPECT_FALSE(error);
    });
}

TEST_F(tcp, a_stream_may_outlive_its_runtime) {
    net::tcp_stream kept;
    net::tcp_listener listener;
    pirn::run([&] {
        listener = support::any_listener();
        kept = support::connect_to(listener);
    });
    EXPECT_TRUE(kept.is_open());
    kept.close();
}

TEST_F(tcp, a_stream_destroyed_between_two_functions_of_one_runtime_leaves_nothing_behind) {
    pirn::runtime here;
    for (int round = 0; round < 20; ++round) { // the numbers come again each time
        net::tcp_listener listener;
        net::tcp_stream near;
        net::tcp_stream far;
        here.run([&] {
            listener = support::any_listener();
            near = support::connect_to(listener);
            far = listener.accept();
            auto reader = pirn::spawn([&] {
                std::array<char, 4> buffer{};
                EXPECT_EQ(far.read(buffer), 4U);
            });
            pirn::yield_now(); // so that it has to wait
            near.write_all("pirn");
            reader.get();
        });
    }
}

} // namespace
