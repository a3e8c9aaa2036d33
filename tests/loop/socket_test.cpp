// SPDX-License-Identifier: MIT
//
// Sockets made and closed by operations, several pieces of memory, and messages with control data.
#include <pirn/loop/socket.hpp>

#include <pirn/loop/operations.hpp>
#include <pirn/os/handle.hpp>

#include "support/backends.hpp"
#include "support/sockets.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include <fcntl.h>
#include <netinet/udp.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::os::handle;
using support::connection;
using support::recorded;

using make_socket = recorded<pirn::socket_operation>;
using bind_socket = recorded<pirn::bind_operation>;
using listen_socket = recorded<pirn::listen_operation>;
using shut_down = recorded<pirn::shutdown_operation>;
using close_it = recorded<pirn::close_operation>;
using receive_message = recorded<pirn::receive_message_operation>;
using send_message = recorded<pirn::send_message_operation>;
using receive_pieces = recorded<pirn::receive_vector_operation>;
using send_pieces = recorded<pirn::send_vector_operation>;
using pieces = std::span<const iovec>;

class socket_test : public support::on_each_backend {};
INSTANTIATE_TEST_SUITE_P(socket, socket_test, support::every_backend(), support::name_of_backend);

iovec piece(std::string& text) { return {text.data(), text.size()}; }

// A message header with room for one control message of `size` bytes.
template <class Data>
struct with_control {
    explicit with_control(pieces parts) {
        header.msg_iov = const_cast<iovec*>(parts.data());
        header.msg_iovlen = parts.size();
        header.msg_control = space.data();
        header.msg_controllen = space.size();
    }
    void put(int level, int type, const Data& data) {
        cmsghdr* const first = CMSG_FIRSTHDR(&header);
        first->cmsg_level = level;
        first->cmsg_type = type;
        first->cmsg_len = CMSG_LEN(sizeof data);
        std::memcpy(CMSG_DATA(first), &data, sizeof data);
    }
    Data get() {
        Data data{};
        const cmsghdr* const first = CMSG_FIRSTHDR(&header);
        if (first != nullptr) {
            std::memcpy(&data, CMSG_DATA(first), sizeof data);
        }
        return data;
    }
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(Data))> space{};
    msghdr header{};
};

TEST_P(socket_test, makes_a_whole_server_and_its_end_by_operations) {
    make_socket make{AF_INET, SOCK_STREAM, 0};
    const int door = perform(make);
    ASSERT_GE(door, 0);
    EXPECT_NE(::fcntl(door, F_GETFD) & FD_CLOEXEC, 0);
    support::internet_address where;
    bind_socket bind{door, where.get(), where.size};
    EXPECT_EQ(perform(bind), 0);
    listen_socket listen{door, 8};
    EXPECT_EQ(perform(listen), 0);
    socklen_t size = where.size;
    ASSERT_EQ(::getsockname(door, where.get(), &size), 0);

    const int client = perform(make);
    support::connect connect{client, where.get(), where.size};
    EXPECT_EQ(perform(connect), 0);
    support::accept accept{door};
    const int server = perform(accept);
    ASSERT_GE(server, 0);

    std::array<char, 8> space{};
    support::receive receive{server, space};
    loop().submit(receive);
    loop().run(run_mode::nowait);
    shut_down finished{client, SHUT_WR};
    EXPECT_EQ(perform(finished), 0);
    ASSERT_TRUE(run_until([&] { return receive.completions == 1; }));
    EXPECT_EQ(receive.result(), 0);

    for (const int each : {client, server, door}) {
        close_it close{each};
        EXPECT_EQ(perform(close), 0);
        EXPECT_EQ(::fcntl(each, F_GETFD), -1);
    }
}

TEST_P(socket_test, refusals_arrive_as_results) {
    make_socket nonsense{AF_INET, 77, 0};
    EXPECT_EQ(perform(nonsense), -EINVAL);
    support::internet_address where;
    bind_socket bind{-1, where.get(), where.size};
    EXPECT_EQ(perform(bind), -EBADF);
    listen_socket listen{-1, 8};
    EXPECT_EQ(perform(listen), -EBADF);
    shut_down end{-1, SHUT_WR};
    EXPECT_EQ(perform(end), -EBADF);
    close_it close{-1};
    EXPECT_EQ(perform(close), -EBADF);
    close_it beyond{1'000'000};
    EXPECT_EQ(perform(beyond), -EBADF);
    msghdr empty{};
    receive_message receive{-1, &empty, 0};
    EXPECT_EQ(perform(receive), -EBADF);
    send_message send{-1, &empty, 0};
    EXPECT_EQ(perform(send), -EBADF);
}

TEST_P(socket_test, made_when_no_descriptor_is_left_says_so) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const int lowest_free = ::dup(0);
    ASSERT_EQ(::close(lowest_free), 0);
    const rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    make_socket make{AF_INET, SOCK_STREAM, 0};
    const int refused = perform(make);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(refused, -EMFILE);
    const handle later{perform(make)};
    EXPECT_TRUE(later);
}

TEST_P(socket_test, closed_is_closed_even_when_that_was_cancelled) {
    for (int turns = 0; turns < 2; ++turns) {
        const int one = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        close_it close{one};
        loop().submit(close);
        for (int i = 0; i < turns; ++i) {
            loop().run(run_mode::nowait);
        }
        loop().cancel(close);
        loop().run();
        EXPECT_TRUE(close.completed_with(0)) << close.result();
        EXPECT_EQ(::fcntl(one, F_GETFD), -1);
    }
}

// The number comes back at once; nothing of the old descriptor may stick to it.
TEST_P(socket_test, a_descriptor_number_begins_anew_after_a_close) {
    std::array<char, 8> space{};
    for (int round = 0; round < 200; ++round) {
        std::array<int, 2> both{};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | loop().socket_flags(), 0, both.data()), 0);
        support::receive receive{both[0], space};
        loop().submit(receive);
        loop().run(run_mode::nowait);
        support::say(both[1], "warp");
        ASSERT_TRUE(run_until([&] { return receive.completions == 1; }));
        ASSERT_EQ(receive.result(), 4);
        close_it first{both[0]};
        close_it second{both[1]};
        loop().submit(first);
        loop().submit(second);
        loop().run();
    }
}

// ---- several pieces -------------------------------------------------------------------------------

TEST_P(socket_test, several_pieces_go_out_and_come_in_in_order) {
    for (auto make : {&connection::unix_stream, &connection::tcp}) {
        connection pair = make(loop());
        std::string warp = "warp";
        std::string and_ = " and ";
        std::string weft = "weft";
        const std::array<iovec, 3> out{piece(warp), piece(and_), piece(weft)};
        send_pieces send{pair.near(), pieces{out}};
        std::string small(6, '.');
        std::string large(20, '.');
        const std::array<iovec, 2> in{piece(small), piece(large)};
        receive_pieces receive{pair.far(), pieces{in}};
        loop().submit(receive); // which waits
        loop().run(run_mode::nowait);
        EXPECT_EQ(perform(send), 13);
        ASSERT_TRUE(run_until([&] { return receive.completions == 1; }));
        EXPECT_EQ(receive.result(), 13);
        EXPECT_EQ(small + large.substr(0, 7), "warp and weft");

        send.pieces(pieces{out}.first(1));
        EXPECT_EQ(perform(send), 4);
        EXPECT_EQ(perform(receive), 4);
    }
}

TEST_P(socket_test, pieces_that_do_not_fit_are_sent_in_part_and_the_rest_can_follow) {
    connection pair = connection::unix_stream(loop());
    std::vector<std::string> blocks(64, std::string(10'007, 'x'));
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        std::ranges::fill(blocks[i], static_cast<char>('A' + i));
    }
    std::vector<iovec> rest;
    std::string whole;
    for (std::string& each : blocks) {
        rest.push_back(piece(each));
        whole += each;
    }
    std::string heard;
    std::string space(50'000, '.');
    const std::array<iovec, 1> in{piece(space)};
    send_pieces send{pair.near(), pieces{rest}};
    receive_pieces receive{pair.far(), pieces{in}};
    send.then = [&](auto& self) {
        ASSERT_GT(self.result(), 0);
        auto taken = static_cast<std::size_t>(self.result());
        while (!rest.empty() && taken >= rest.front().iov_len) {
            taken -= rest.front().iov_len;
            rest.erase(rest.begin());
        }
        if (!rest.empty()) { // in the middle of a piece, most likely
            rest.front().iov_base = static_cast<char*>(rest.front().iov_base) + taken;
            rest.front().iov_len -= taken;
            self.pieces(pieces{rest});
            loop().submit(self);
        }
    };
    receive.then = [&](auto& self) {
        ASSERT_GT(self.result(), 0);
        heard.append(space, 0, static_cast<std::size_t>(self.result()));
        if (heard.size() < whole.size()) {
            loop().submit(self);
        }
    };
    loop().submit(receive);
    loop().submit(send);
    ASSERT_TRUE(run_until([&] { return loop().pending() == 0; }));
    EXPECT_TRUE(heard == whole);
}

// ---- messages -------------------------------------------------------------------------------------

TEST_P(socket_test, a_datagram_brings_its_sender_and_says_when_it_was_cut) {
    const auto udp = [&](support::internet_address& at) {
        handle socket{::socket(AF_INET, SOCK_DGRAM | loop().socket_flags(), 0)};
        EXPECT_EQ(::bind(socket.get(), at.get(), at.size), 0);
        socklen_t size = at.size;
        EXPECT_EQ(::getsockname(socket.get(), at.get(), &size), 0);
        return socket;
    };
    support::internet_address here;
    support::internet_address there;
    const handle near = udp(here);
    const handle far = udp(there);
    std::string text = "shuttle";
    iovec out = piece(text);
    msghdr outgoing{};
    outgoing.msg_name = there.get();
    outgoing.msg_namelen = there.size;
    outgoing.msg_iov = &out;
    outgoing.msg_iovlen = 1;
    std::string space(4, '.');
    iovec in = piece(space);
    support::internet_address from;
    msghdr incoming{};
    incoming.msg_name = from.get();
    incoming.msg_namelen = from.size;
    incoming.msg_iov = &in;
    incoming.msg_iovlen = 1;
    receive_message receive{far.get(), &incoming, 0};
    loop().submit(receive);
    loop().run(run_mode::nowait);
    send_message send{near.get(), &outgoing, 0};
    EXPECT_EQ(perform(send), 7);
    ASSERT_TRUE(run_until([&] { return receive.completions == 1; }));
    EXPECT_EQ(receive.result(), 4);
    EXPECT_EQ(space, "shut");
    EXPECT_NE(incoming.msg_flags & MSG_TRUNC, 0);
    EXPECT_EQ(from.in.sin_port, here.in.sin_port);
    loop().release(near.get());
    loop().release(far.get());
}

TEST_P(socket_test, a_descriptor_travels_and_arrives_close_on_exec) {
    connection pair = connection::unix_stream(loop());
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    const handle reader{pipe[0]};
    std::string text = "x";
    const std::array<iovec, 1> out{piece(text)};
    {
        const handle writer{pipe[1]};
        with_control<int> outgoing{pieces{out}};
        outgoing.put(SOL_SOCKET, SCM_RIGHTS, writer.get());
        send_message send{pair.near(), &outgoing.header, 0};
        EXPECT_EQ(perform(send), 1);
    }
    with_control<int> incoming{pieces{out}};
    receive_message receive{pair.far(), &incoming.header, 0};
    EXPECT_EQ(perform(receive), 1);
    const handle arrived{incoming.get()};
    ASSERT_TRUE(arrived);
    EXPECT_NE(::fcntl(arrived.get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(::write(arrived.get(), "weft", 4), 4);
    std::array<char, 4> heard{};
    EXPECT_EQ(::read(reader.get(), heard.data(), heard.size()), 4);
}

// GSO: one send of a large piece that leaves as many datagrams.
TEST_P(socket_test, one_send_with_a_segment_size_leaves_as_many_datagrams) {
    support::internet_address there;
    const handle far{::socket(AF_INET, SOCK_DGRAM | loop().socket_flags(), 0)};
    ASSERT_EQ(::bind(far.get(), there.get(), there.size), 0);
    socklen_t size = there.size;
    ASSERT_EQ(::getsockname(far.get(), there.get(), &size), 0);
    const handle near{::socket(AF_INET, SOCK_DGRAM | loop().socket_flags(), 0)};
    std::string text(2'500, 'x');
    const std::array<iovec, 1> out{piece(text)};
    with_control<std::uint16_t> outgoing{pieces{out}};
    outgoing.put(SOL_UDP, UDP_SEGMENT, std::uint16_t{1'000});
    outgoing.header.msg_name = there.get();
    outgoing.header.msg_namelen = there.size;
    send_message send{near.get(), &outgoing.header, 0};
    ASSERT_EQ(perform(send), 2'500);
    std::array<char, 4096> space{};
    support::receive receive{far.get(), space};
    EXPECT_EQ(perform(receive), 1'000);
    EXPECT_EQ(perform(receive), 1'000);
    EXPECT_EQ(perform(receive), 500);
    loop().release(near.get());
    loop().release(far.get());
}

TEST_P(socket_test, a_message_that_waits_can_be_cancelled_and_the_next_one_works) {
    connection pair = connection::unix_stream(loop());
    std::string space(8, '.');
    const std::array<iovec, 1> in{piece(space)};
    for (int turns = 0; turns < 3; ++turns) {
        receive_pieces receive{pair.far(), pieces{in}};
        loop().submit(receive);
        for (int i = 0; i < turns; ++i) {
            loop().run(run_mode::nowait);
        }
        loop().cancel(receive);
        loop().run();
        EXPECT_TRUE(receive.completed_with(-ECANCELED)) << receive.result();
    }
    support::say(pair.near(), "warp");
    receive_pieces next{pair.far(), pieces{in}};
    EXPECT_EQ(perform(next), 4);

    std::string block(4'096, 'x');
    while (::send(pair.near(), block.data(), block.size(), MSG_DONTWAIT) > 0) {
    }
    const std::array<iovec, 1> out{piece(block)};
    send_pieces send{pair.near(), pieces{out}};
    loop().submit(send);
    loop().run(run_mode::nowait);
    ASSERT_TRUE(send.in_flight());
    loop().cancel(send);
    loop().run();
    EXPECT_TRUE(send.completed_with(-ECANCELED)) << send.result();
}

} // namespace
