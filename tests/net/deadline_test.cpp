// SPDX-License-Identifier: MIT
//
// Sockets and listeners under a deadline that has passed: one operation gets one attempt, in both forms. What is ready is
// had, what is not ready is not waited for, and a second operation is refused although it is ready.
#include <pirn/loop/buffers.hpp>
#include <pirn/net/udp.hpp>
#include <pirn/net/unix.hpp>
#include <pirn/os/handle.hpp>
#include <pirn/scope/timeout.hpp>

#include "net/pairs.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

namespace io = pirn::io;
namespace net = pirn::net;
using namespace std::chrono_literals;

using deadlines = support::balanced<>;

// call: an operation in its two forms; the throwing one without an error_code.
using call = std::function<void(std::error_code*)>;

constexpr std::string_view letter = "x";
constexpr std::array past{0ms, -1'000ms};

// wait_for: blocks, at most ten seconds, until the descriptor is ready.
void wait_for(int descriptor, short events) {
    pollfd watched{descriptor, events, 0};
    EXPECT_EQ(::poll(&watched, 1, 10'000), 1);
}

// fill_to_the_brim: plain sends until there is no room. TCP may still make some, as it acknowledges.
void fill_to_the_brim(int descriptor) {
    static constexpr std::array<char, 4096> lot{};
    pollfd room{descriptor, POLLOUT, 0};
    do {
        while (::send(descriptor, lot.data(), lot.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
        }
    } while (::poll(&room, 1, 20) > 0);
}

// drain: plain receives until `from`, which is full, has room again.
void drain(int descriptor, int from) {
    std::array<char, 65'536> lot{};
    pollfd room{from, POLLOUT, 0};
    do {
        while (::recv(descriptor, lot.data(), lot.size(), MSG_DONTWAIT) > 0) {
        }
    } while (::poll(&room, 1, 5) == 0);
}

void expect_no_wait(const char* name, const call& not_ready) {
    SCOPED_TRACE(name);
    for (const auto delay : past) {
        std::error_code error;
        EXPECT_FALSE(pirn::try_with_timeout(delay, [&] { not_ready(nullptr); }));
        EXPECT_THROW(pirn::with_timeout(delay, [&] { not_ready(nullptr); }), pirn::timed_out);
        EXPECT_FALSE(pirn::try_with_timeout(delay, [&] { not_ready(&error); }));
        EXPECT_EQ(error, std::errc::operation_canceled);
        EXPECT_THROW(pirn::with_timeout(delay, [&] { not_ready(&error); }), pirn::timed_out);
        EXPECT_FALSE(pirn::stop_requested()) << "outside of the timeout";
    }
}

// Writes until there is no room: then a write is refused, and not waited for.
void expect_no_wait_for_room(const char* name, const call& write) {
    SCOPED_TRACE(name);
    constexpr int most = 100'000;
    std::error_code error;
    for (const auto delay : past) {
        for (std::error_code* const form : {static_cast<std::error_code*>(nullptr), &error}) {
            int written = 0;
            while (written < most && pirn::try_with_timeout(delay, [&] { write(form); })) {
                EXPECT_FALSE(error);
                ++written;
            }
            EXPECT_LT(written, most);
        }
        EXPECT_EQ(error, std::errc::operation_canceled);
        error.clear();
    }
}

// `make_ready` makes one call ready; two of them, two calls.
void expect_one_attempt(
    const char* name, const call& ready, const std::function<void()>& make_ready = [] {}) {
    SCOPED_TRACE(name);
    for (const auto delay : past) {
        std::error_code error;
        make_ready();
        EXPECT_TRUE(pirn::try_with_timeout(delay, [&] { ready(nullptr); }));
        make_ready();
        EXPECT_TRUE(pirn::try_with_timeout(delay, [&] { ready(&error); }));
        EXPECT_FALSE(error) << error.message();

        make_ready();
        make_ready();
        EXPECT_FALSE(pirn::try_with_timeout(delay, [&] {
            ready(&error);
            EXPECT_FALSE(error) << error.message();
            ready(&error);
            EXPECT_EQ(error, std::errc::operation_canceled) << "a second attempt";
        }));
        pirn::with_timeout(10s, [&] { ready(nullptr); }); // what the second one left is there
    }
}

// form_of: `function` takes an error_code, or nothing and throws.
template <class Function>
call form_of(Function function) {
    return [function](std::error_code* error) {
        error != nullptr ? static_cast<void>(function(*error)) : static_cast<void>(function());
    };
}

void check_reads(net::stream_socket& near, net::stream_socket& far) {
    std::array<std::byte, 1> one{};
    std::array<std::byte, 64> much{};
    const auto make_ready = [&] {
        far.write_all(letter);
        wait_for(near.native_handle(), POLLIN);
    };
    // A read that was short has emptied the socket, and the next one waits before it asks the kernel.
    const auto read_short = [&] {
        make_ready();
        EXPECT_EQ(near.read(much), 1U);
    };
    const auto check = [&](const char* name, const call& read) {
        expect_no_wait(name, read);
        expect_one_attempt(name, read, make_ready);
        read_short();
        expect_no_wait(name, read);
        for (const auto delay : past) {
            read_short();
            make_ready();
            EXPECT_TRUE(pirn::try_with_timeout(delay, [&] { read(nullptr); })) << name;
        }
    };
    check("read", form_of([&](auto&... error) { return near.read(one, error...); }));
    const std::array<pirn::mutable_bytes, 1> list{pirn::mutable_bytes{one}};
    check("read_vector", form_of([&](auto&... error) { return near.read_vector(list, error...); }));
    pirn::buffer_ring buffers{pirn::current_loop(), {.count = 4, .size = 1}};
    check("read_borrowed",
          form_of([&](auto&... error) { return near.read_borrowed(buffers, error...); }));
    for (const auto delay : past) {
        read_short();
        make_ready();
        EXPECT_EQ(pirn::try_with_timeout(delay, [&] { return near.read(much); }), 1U);
    }
    read_short();
    far.shutdown_write();
    wait_for(near.native_handle(), POLLIN);
    EXPECT_EQ(pirn::try_with_timeout(0ms, [&] { return near.read(one); }), 0U) << "the end";
}

void check_writes(net::stream_socket& near, net::stream_socket& far) {
    const std::array<pirn::bytes, 1> list{pirn::bytes{std::as_bytes(std::span{letter})}};
    const auto write = form_of([&](auto&... error) { return near.write(letter, error...); });
    const auto write_vector =
        form_of([&](auto&... error) { return near.write_vector(list, error...); });
    expect_one_attempt("write", write);
    expect_one_attempt("write_vector", write_vector);
    // Buffers of a fixed size: otherwise megabytes may be free where poll sees no room.
    constexpr int small = 8192;
    ::setsockopt(near.native_handle(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    ::setsockopt(far.native_handle(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    fill_to_the_brim(near.native_handle());
    expect_no_wait_for_room("write", write);
    expect_no_wait_for_room("write_vector", write_vector);
    drain(far.native_handle(), near.native_handle());
    expect_one_attempt("write", write);
    expect_one_attempt("write_vector", write_vector);
}

TEST_F(deadlines, that_have_passed_admit_one_read_or_write_of_tcp) {
    pirn::run([] {
        auto pair = support::pair();
        check_writes(pair.near, pair.far);
        check_reads(pair.near, pair.far);
    });
}

TEST_F(deadlines, that_have_passed_admit_one_read_or_write_of_unix) {
    pirn::run([] {
        auto [near, far] = net::unix_pair();
        check_writes(near, far);
        check_reads(near, far);
        const int descriptor = STDERR_FILENO;
        auto fresh = net::unix_pair(); // with room for all
        expect_one_attempt("send_descriptors", form_of([&](auto&... error) {
                               return fresh.first.send_descriptors(std::as_bytes(std::span{letter}),
                                                                   {&descriptor, 1}, error...);
                           }));
    });
}

TEST_F(deadlines, that_have_passed_admit_one_datagram_of_udp) {
    pirn::run([] {
        auto near = net::udp_bind(net::address::loopback(0));
        auto far = net::udp_connect(near.local_address());
        std::array<std::byte, 8> space{};
        const auto make_ready = [&] {
            far.send(letter);
            wait_for(near.native_handle(), POLLIN);
        };
        const auto receive = form_of([&](auto&... error) { return near.receive(space, error...); });
        expect_no_wait("receive", receive);
        expect_one_attempt("receive", receive, make_ready);
        std::array<net::udp_slot, 1> slots{{{.buffer = space}}};
        const auto receive_many =
            form_of([&](auto&... error) { return near.receive_many(slots, error...); });
        expect_no_wait("receive_many", receive_many);
        expect_one_attempt("receive_many", receive_many, make_ready);
        expect_no_wait("receive", receive);
        expect_one_attempt("send", form_of([&](auto&... error) { far.send(letter, error...); }));
        expect_one_attempt("send_to", form_of([&](auto&... error) {
                               near.send_to(letter, far.local_address(), error...);
                           }));
        const std::array<net::udp_outgoing, 1> datagrams{
            {{.data = std::as_bytes(std::span{letter})}}};
        expect_one_attempt("send_many",
                           form_of([&](auto&... error) { far.send_many(datagrams, error...); }));
    });
}

TEST_F(deadlines, that_have_passed_admit_one_datagram_of_unix) {
    pirn::run([] {
        const auto here =
            net::unix_address::abstract("pirn-deadlines-" + std::to_string(::getpid()));
        auto near = net::unix_bind(here);
        auto far = net::unix_datagram_connect(here);
        auto nameless = net::unix_datagram_pair();
        std::array<std::byte, 8> space{};
        const auto receive =
            form_of([&](auto&... error) { return near.receive(space, 0, error...); });
        const auto send =
            form_of([&](auto&... error) { far.send(as_bytes(std::span{letter}), {}, error...); });
        const auto send_to = form_of([&](auto&... error) {
            nameless.first.send_to(here, as_bytes(std::span{letter}), {}, error...);
        });
        expect_no_wait("receive", receive);
        expect_one_attempt("receive", receive, [&] {
            far.send(as_bytes(std::span{letter}));
            wait_for(near.native_handle(), POLLIN);
        });
        for (const auto& [name, each] : {std::pair{"send", send}, std::pair{"send_to", send_to}}) {
            expect_one_attempt(name, each,
                               [&] { drain(near.native_handle(), far.native_handle()); });
            fill_to_the_brim(far.native_handle());
            expect_no_wait(name, each);
            drain(near.native_handle(), far.native_handle());
        }
    });
}

TEST_F(deadlines, that_have_passed_admit_one_connection_to_be_accepted) {
    pirn::run([] {
        auto by_tcp = support::any_listener();
        std::vector<net::tcp_stream> clients;
        const auto accept = form_of([&](auto&... error) { return by_tcp.accept(error...); });
        expect_no_wait("tcp", accept);
        expect_one_attempt("tcp", accept, [&] {
            clients.push_back(support::connect_to(by_tcp));
            wait_for(by_tcp.native_handle(), POLLIN);
        });
        expect_no_wait("tcp", accept);

        auto by_path = net::unix_listen(
            net::unix_address::abstract("pirn-deadlines-" + std::to_string(::getpid())));
        std::vector<net::unix_stream> others;
        const auto accept_path = form_of([&](auto&... error) { return by_path.accept(error...); });
        expect_no_wait("unix", accept_path);
        expect_one_attempt("unix", accept_path, [&] {
            others.push_back(net::unix_connect(by_path.local_address()));
            wait_for(by_path.native_handle(), POLLIN);
        });
        expect_no_wait("unix", accept_path);
    });
}

TEST_F(deadlines, that_have_passed_admit_one_connect_to_unix) {
    pirn::run([] {
        const auto here =
            net::unix_address::abstract("pirn-deadlines-" + std::to_string(::getpid()));
        auto listener = net::unix_listen(here, {.backlog = 1});
        const auto connect =
            form_of([&](auto&... error) { return net::unix_connect(here, error...); });
        expect_one_attempt("unix", connect, [&] {
            while (pirn::try_with_timeout(0ms, [&] { std::ignore = listener.accept(); })) {
            }
        });
        std::vector<net::unix_stream> waiting; // in the queue of the listener, until it is full
        while (auto more = pirn::try_with_timeout(20ms, [&] { return net::unix_connect(here); })) {
            waiting.push_back(std::move(*more));
        }
        expect_no_wait("unix", connect);
    });
}

// The kernel answers a connect to this machine at once when io_uring asks, and later when epoll does.
TEST_F(deadlines, that_have_passed_do_not_let_a_connect_to_tcp_wait) {
    pirn::run([] {
        const auto listener = support::any_listener();
        for (const auto delay : past) {
            const auto stream = pirn::try_with_timeout(
                delay, [&] { return net::tcp_connect(listener.local_address()); });
            EXPECT_TRUE(!stream || stream->is_open());
            std::error_code error;
            const bool connected = pirn::try_with_timeout(
                delay, [&] { std::ignore = net::tcp_connect(listener.local_address(), error); });
            EXPECT_EQ(error, connected ? std::errc{} : std::errc::operation_canceled);
        }
    });
}

} // namespace
