// SPDX-License-Identifier: MIT
//
// Whatever sends to a peer that is gone: an error, and no SIGPIPE, which would end the process.
#include <pirn/loop/file.hpp>
#include <pirn/loop/operations.hpp>
#include <pirn/loop/socket.hpp>
#include <pirn/loop/splice.hpp>
#include <pirn/os/handle.hpp>

#include "support/backends.hpp"
#include "support/sockets.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

using pirn::os::handle;
using support::connection;
using support::recorded;
using send_message = recorded<pirn::send_message_operation>;
using send_vector = recorded<pirn::send_vector_operation>;
using send_zero_copy = recorded<pirn::send_zero_copy_operation>;

class broken_pipe : public support::on_each_backend {
  protected:
    // SIGPIPE does here what it does by default, whatever the test runner says.
    void SetUp() override {
        on_each_backend::SetUp();
        struct sigaction deadly{};
        deadly.sa_handler = SIG_DFL;
        ASSERT_EQ(::sigaction(SIGPIPE, &deadly, &before_), 0);
    }
    void TearDown() override {
        ::sigaction(SIGPIPE, &before_, nullptr);
        on_each_backend::TearDown();
    }

    // Sends made by make(socket) end with EPIPE: over a connection that the peer has closed, one that it has reset,
    // one that we have shut down, and a socket for datagrams that we have shut down.
    template <class Make>
    void ends_with_an_error(Make make) {
        connection closed = connection::unix_stream(loop());
        closed.close_far();
        expect_broken(make, closed.near(), "closed");

        connection reset = connection::tcp(loop());
        reset.reset_far();
        auto first = make(reset.near());
        EXPECT_EQ(perform(first), -ECONNRESET);
        expect_broken(make, reset.near(), "reset");

        connection shut = connection::tcp(loop());
        ::shutdown(shut.near(), SHUT_WR);
        expect_broken(make, shut.near(), "shut down");

        connection datagrams = connection::datagrams(loop());
        ::shutdown(datagrams.near(), SHUT_WR);
        expect_broken(make, datagrams.near(), "datagrams");
    }

    template <class Make>
    void expect_broken(Make make, int socket, const char* how) {
        for (int i = 0; i < 3; ++i) {
            auto send = make(socket);
            EXPECT_EQ(perform(send), -EPIPE) << how << ", attempt " << i;
        }
    }

    std::string text = "warp";
    iovec piece{text.data(), text.size()};
    msghdr header{nullptr, 0, &piece, 1, nullptr, 0, 0};

  private:
    struct sigaction before_{};
};

INSTANTIATE_TEST_SUITE_P(broken, broken_pipe, support::every_backend(), support::name_of_backend);

TEST_P(broken_pipe, ends_a_send_with_an_error) {
    ends_with_an_error([&](int socket) { return support::send{socket, pirn::bytes{text}}; });
}

TEST_P(broken_pipe, ends_a_message_with_an_error) {
    ends_with_an_error([&](int socket) { return send_message{socket, &header, 0}; });
}

TEST_P(broken_pipe, ends_a_vector_with_an_error) {
    const std::array pieces{piece, piece};
    ends_with_an_error([&](int socket) { return send_vector{socket, std::span{pieces}}; });
}

TEST_P(broken_pipe, ends_a_send_without_a_copy_with_an_error) {
    ends_with_an_error([&](int socket) { return send_zero_copy{socket, pirn::bytes{text}}; });
}

TEST_P(broken_pipe, ends_a_file_sent_to_a_socket_with_an_error) {
    const handle file{::memfd_create("broken_pipe", MFD_CLOEXEC)};
    ASSERT_EQ(::write(file.get(), text.data(), text.size()), 4);
    connection closed = connection::unix_stream(loop());
    closed.close_far();
    const auto make = [&](int socket) {
        return recorded<pirn::send_file_operation>{file.get(), std::int64_t{0}, socket,
                                                   std::size_t{4}};
    };
    expect_broken(make, closed.near(), "closed");
    connection reset = connection::tcp(loop());
    reset.reset_far();
    auto first = make(reset.near());
    EXPECT_EQ(perform(first), -ECONNRESET);
    expect_broken(make, reset.near(), "reset");
}

TEST_P(broken_pipe, ends_what_is_written_to_a_pipe_with_an_error) {
    std::array<int, 2> both{};
    ASSERT_EQ(::pipe2(both.data(), O_CLOEXEC), 0);
    handle out{both[0]};
    const handle in{both[1]};
    out.close();
    constexpr std::int64_t in_order = -1;
    expect_broken(
        [&](int pipe) {
            return recorded<pirn::write_operation>{pipe, pirn::bytes{text}, in_order};
        },
        in.get(), "write");
    expect_broken(
        [&](int pipe) {
            return recorded<pirn::write_vector_operation>{pipe, std::span<const iovec>{&piece, 1},
                                                          in_order};
        },
        in.get(), "write_vector");
    const handle file{::memfd_create("broken_pipe", MFD_CLOEXEC)};
    ASSERT_EQ(::write(file.get(), text.data(), text.size()), 4);
    for (int i = 0; i < 3; ++i) {
        recorded<pirn::splice_operation> splice{file.get(), in.get(), std::size_t{4}};
        splice.source_offset = 0;
        EXPECT_EQ(perform(splice), -EPIPE);
    }
    loop().release(in.get());
}

} // namespace
