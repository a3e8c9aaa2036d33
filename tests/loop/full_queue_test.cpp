// SPDX-License-Identifier: MIT
//
// Sends that wait for room in somebody's queue of datagrams, which is another one than that of a connection.
#include <pirn/loop/operations.hpp>
#include <pirn/loop/socket.hpp>
#include <pirn/os/handle.hpp>

#include "support/backends.hpp"
#include "support/sockets.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

using pirn::run_mode;
using pirn::os::handle;
using support::recorded;
using send_message = recorded<pirn::send_message_operation>;
using send_zero_copy = recorded<pirn::send_zero_copy_operation>;

constexpr std::string_view filling = "one of those before";
constexpr std::string_view late = "the one that waited";

// A UNIX socket of this type with a name of the kernel's choice, a client of its, and a queue between them that is full.
class full_queue : public support::on_each_backend {
  protected:
    void SetUp() override {
        on_each_backend::SetUp();
        if (IsSkipped()) {
            return;
        }
        door = handle{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        sockaddr_un where{AF_UNIX, {}};
        socklen_t size = sizeof(sa_family_t);
        EXPECT_EQ(::bind(door.get(), reinterpret_cast<const sockaddr*>(&where), size), 0);
        size = sizeof where;
        EXPECT_EQ(::getsockname(door.get(), reinterpret_cast<sockaddr*>(&where), &size), 0);
        client = handle{::socket(AF_UNIX, SOCK_DGRAM | loop().socket_flags(), 0)};
        EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&where), size), 0);
        while (::send(client.get(), filling.data(), filling.size(), MSG_DONTWAIT) > 0) {
            ++before;
        }
        EXPECT_EQ(errno, EAGAIN);
        EXPECT_GT(before, 0);
    }

    void TearDown() override {
        if (client) {
            loop().release(client.get());
        }
        client = {};
        door = {};
        on_each_backend::TearDown();
    }

    // Receives one datagram, which must be there.
    std::string next() {
        std::array<char, 64> space{};
        const auto size = ::recv(door.get(), space.data(), space.size(), MSG_DONTWAIT);
        return size < 0 ? "nothing" : std::string{space.data(), static_cast<std::size_t>(size)};
    }

    template <class Send>
    void waits_and_arrives_whole(Send& send) {
        loop().submit(send);
        for (int turn = 0; turn < 20; ++turn) {
            loop().run(run_mode::nowait);
        }
        EXPECT_EQ(send.completions, 0);
        for (int i = 0; i < before; ++i) {
            EXPECT_EQ(next(), filling);
        }
        ASSERT_TRUE(run_until([&] { return send.completions == 1; }));
        EXPECT_EQ(send.result(), static_cast<int>(late.size()));
        EXPECT_EQ(next(), late);
        EXPECT_EQ(next(), "nothing");
    }

    template <class Send>
    void is_cancelled_while_it_waits(Send& send) {
        loop().submit(send);
        loop().run(run_mode::nowait);
        loop().cancel(send);
        ASSERT_TRUE(run_until([&] { return send.completions == 1; }));
        EXPECT_EQ(send.result(), -ECANCELED);
        for (int i = 0; i < before; ++i) {
            EXPECT_EQ(next(), filling);
        }
        EXPECT_EQ(next(), "nothing");
    }

    std::string text{late};
    iovec piece{text.data(), text.size()};
    msghdr header{nullptr, 0, &piece, 1, nullptr, 0, 0};
    handle door;
    handle client;
    int before = 0; // datagrams in the queue
};

INSTANTIATE_TEST_SUITE_P(datagrams, full_queue, support::every_backend(), support::name_of_backend);

TEST_P(full_queue, lets_a_send_wait_which_arrives_whole) {
    support::send send{client.get(), std::as_bytes(std::span{text})};
    waits_and_arrives_whole(send);
}

TEST_P(full_queue, lets_a_message_wait_which_arrives_whole) {
    send_message send{client.get(), &header, 0};
    waits_and_arrives_whole(send);
}

TEST_P(full_queue, lets_a_send_without_a_copy_wait_which_arrives_whole) {
    send_zero_copy send{client.get(), std::as_bytes(std::span{text})};
    waits_and_arrives_whole(send);
}

TEST_P(full_queue, holds_up_nothing_that_is_cancelled) {
    support::send send{client.get(), std::as_bytes(std::span{text})};
    is_cancelled_while_it_waits(send);
}

TEST_P(full_queue, holds_up_no_message_that_is_cancelled) {
    send_message send{client.get(), &header, 0};
    is_cancelled_while_it_waits(send);
}

} // namespace
