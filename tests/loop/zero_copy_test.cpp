// SPDX-License-Identifier: MIT
//
// Sending without a copy: the bytes arrive, and the buffer is free when the completion says so.
#include <pirn/loop/operations.hpp>
#include <pirn/loop/socket.hpp>

#include "support/backends.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"
#if PIRN_HAVE_URING
#include "loop/uring/probe.hpp"
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <string>

#include <sys/mman.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using support::connection;
using send_it = support::recorded<pirn::send_zero_copy_operation>;

class zero_copy_test : public support::on_each_backend {
  protected:
    // Each block lies in memory that is overwritten and unmapped right after its completion.
    void blocks_arrive_whole(connection pair, int blocks);
};
INSTANTIATE_TEST_SUITE_P(zero_copy, zero_copy_test, support::every_backend(),
                         support::name_of_backend);

void zero_copy_test::blocks_arrive_whole(connection pair, int blocks) {
    constexpr std::size_t size = 200'000;
    std::string heard;
    std::array<char, 65'536> space{};
    support::receive receive{pair.far(), space};
    receive.then = [&](auto& self) {
        ASSERT_GT(self.result(), 0);
        heard.append(space.data(), static_cast<std::size_t>(self.result()));
        if (heard.size() < size) {
            loop().submit(self);
        }
    };
    for (int block = 0; block < blocks; ++block) {
        void* const memory =
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ASSERT_NE(memory, MAP_FAILED);
        const char key = static_cast<char>('A' + block % 26);
        std::memset(memory, key, size);
        const pirn::bytes whole{static_cast<const std::byte*>(memory), size};
        send_it send{pair.near(), whole};
        std::size_t sent = 0;
        send.then = [&](auto& self) {
            ASSERT_GT(self.result(), 0);
            sent += static_cast<std::size_t>(self.result());
            if (sent < size) {
                self.buffer = whole.subspan(sent);
                loop().submit(self);
            } else {
                std::memset(memory, '!', size); // whoever still reads it will tell
                ASSERT_EQ(::munmap(memory, size), 0);
            }
        };
        heard.clear();
        loop().submit(receive);
        loop().submit(send);
        ASSERT_TRUE(run_until([&] { return loop().pending() == 0; }));
        ASSERT_EQ(heard.size(), size);
        ASSERT_TRUE(std::ranges::all_of(heard, [key](char c) { return c == key; })) << block;
    }
}

TEST_P(zero_copy_test, send_arrives_whole_by_tcp) {
    blocks_arrive_whole(connection::tcp(loop()), 50);
}

TEST_P(zero_copy_test, send_is_a_plain_one_where_the_socket_cannot) {
    blocks_arrive_whole(connection::unix_stream(loop()), 10);
}

#if PIRN_HAVE_URING
TEST_P(zero_copy_test, send_is_a_plain_one_where_the_kernel_cannot) {
    auto& hidden = pirn::detail::hidden_requests();
    hidden.set(IORING_OP_SEND_ZC);
    make_loop();
    hidden.reset();
    blocks_arrive_whole(connection::tcp(loop()), 10);
}
#endif

TEST_P(zero_copy_test, send_to_nobody_says_so) {
    send_it nowhere{-1, pirn::bytes{"warp"}};
    EXPECT_EQ(perform(nowhere), -EBADF);
    connection pair = connection::tcp(loop());
    pair.reset_far();
    send_it reset{pair.near(), pirn::bytes{"warp"}};
    EXPECT_EQ(perform(reset), -ECONNRESET);
    EXPECT_EQ(perform(reset), -EPIPE);
}

TEST_P(zero_copy_test, send_cancelled_at_a_random_moment_tells_exactly_what_was_sent) {
    constexpr int rounds = 300 / support::slowness;
    connection pair = connection::tcp(loop());
    std::mt19937 random{61}; // NOLINT: the same every time
    const std::string block(100'000, 'x');
    std::size_t sent = 0;
    std::size_t heard = 0;
    for (int round = 0; round < rounds; ++round) {
        send_it send{pair.near(), pirn::bytes{block}};
        loop().submit(send);
        if (random() % 3 != 0) {
            loop().run(run_mode::nowait);
        }
        loop().cancel(send);
        // A completion may wait until the peer has taken the bytes.
        ASSERT_TRUE(run_until([&] {
            for (std::size_t n = 1; n > 0; heard += n) {
                n = support::hear(pair.far()).size();
            }
            loop().run(run_mode::once, pirn::after(1ms));
            return !send.in_flight();
        }));
        ASSERT_EQ(send.completions, 1);
        ASSERT_TRUE(send.result() > 0 || send.result() == -ECANCELED) << send.result();
        sent += static_cast<std::size_t>(std::max(send.result(), 0));
    }
    const auto patience = pirn::after(20s);
    while (heard < sent && pirn::clock::now() < patience) {
        heard += support::hear(pair.far()).size();
    }
    EXPECT_EQ(heard, sent);
}

} // namespace
