// SPDX-License-Identifier: MIT
//
// What one backend does in backends.cpp: a loop with sockets, a pipe and a clock, and steps that are carried out on it.
#pragma once

#include <pirn/loop/loop.hpp>
#include <pirn/loop/operations.hpp>
#include <pirn/loop/socket.hpp>
#include <pirn/loop/test_clock.hpp>

#include "support.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fuzz {

inline constexpr std::size_t sockets = 4; // two pairs: a stream, and one of messages
inline constexpr std::size_t pipe_out = 4;
inline constexpr std::size_t pipe_in = 5;
inline constexpr std::size_t descriptors = 6;
inline constexpr std::size_t slots = 6;
inline constexpr std::size_t longest = 8192; // more than a socket's smallest buffer

enum class act : std::uint8_t {
    receive,
    send,
    send_zero_copy,
    send_vector,
    poll,
    timer,
    nop,
    shutdown,
    close,
    cancel,
    withdraw,
    advance,
    write_pipe,
    read_pipe,
};
inline constexpr std::size_t acts = static_cast<std::size_t>(act::read_pipe) + 1;

struct step {
    act what = act::nop;
    std::size_t slot = 0;
    std::size_t descriptor = 0;
    std::size_t size = 0;
    int flags = 0;
    bool attempt = false;
    unsigned char first_byte = 0;
};

struct slot;

template <class Operation>
struct kept final : Operation {
    template <class... Parameters>
    explicit kept(slot& mine, Parameters&&... parameters)
        : Operation{std::forward<Parameters>(parameters)..., &done}, owner{&mine} {}
    static void done(pirn::operation& self) noexcept;
    slot* owner;
};

struct slot {
    std::variant<std::monostate, kept<pirn::receive_operation>, kept<pirn::send_operation>,
                 kept<pirn::send_zero_copy_operation>, kept<pirn::send_vector_operation>,
                 kept<pirn::poll_operation>, kept<pirn::timer_operation>, kept<pirn::nop_operation>,
                 kept<pirn::shutdown_operation>, kept<pirn::close_operation>>
        operation;
    std::vector<std::byte> buffer;
    std::array<iovec, 2> pieces{};
    std::size_t descriptor = 0;
    act what = act::nop;
    bool in_flight = false;
    int turns = 0; // of the loop since it was submitted
    std::optional<int> result;

    pirn::operation* base() noexcept {
        return std::visit(
            [](auto& held) -> pirn::operation* {
                if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::monostate>) {
                    return nullptr;
                } else {
                    return &held;
                }
            },
            operation);
    }
};

template <class Operation>
void kept<Operation>::done(pirn::operation& self) noexcept {
    slot& mine = *static_cast<kept&>(self).owner;
    require(mine.in_flight, "an operation completes once");
    mine.in_flight = false;
    mine.result = self.result();
}

// engine: a loop and its clock, which live as long as the process.
struct engine {
    explicit engine(pirn::backend_kind kind)
        : loop{pirn::loop_options{.backend = kind, .time = &clock}} {}
    pirn::test_clock clock{pirn::when_idle::stands};
    pirn::loop loop;
};

// side: what one backend does.
class side {
  public:
    side(engine& mine, bool faulty) : loop_{mine.loop}, clock_{mine.clock}, faulty_{faulty} {
        pair(SOCK_STREAM, 0);
        pair(SOCK_SEQPACKET, 2);
        require(::pipe2(&fds_[pipe_out], O_CLOEXEC | O_NONBLOCK) == 0, "a pipe can be made");
    }
    side(const side&) = delete;
    side& operator=(const side&) = delete;
    ~side() {
        for (std::size_t i = 0; i < descriptors; ++i) {
            if (fds_[i] >= 0) {
                loop_.release(fds_[i]);
                ::close(fds_[i]);
            }
        }
    }

    void begin(const step& next);
    void turn() {
        for (slot& each : slots_) {
            each.turns += each.in_flight ? 1 : 0;
        }
        loop_.run(pirn::run_mode::nowait);
    }
    // finish: cancels what is in flight, and waits until it has ended.
    void finish() {
        for (slot& each : slots_) {
            if (each.in_flight) {
                loop_.cancel(*each.base());
            }
        }
        loop_.run(pirn::run_mode::until_idle);
        require_equal(loop_.pending(), std::size_t{0}, "nothing is in flight at the end");
    }
    slot& at(std::size_t which) noexcept { return slots_[which]; }
    bool is_open(std::size_t which) const noexcept { return fds_[which] >= 0; }
    bool is_writable(std::size_t which) const noexcept {
        pollfd asked{.fd = fds_[which], .events = POLLOUT, .revents = 0};
        return ::poll(&asked, 1, 0) == 1;
    }

    // result_of: as the comparison sees it.
    int result_of(const slot& of) const noexcept {
        const int result = *of.result;
        const bool full = result > 8 && static_cast<std::size_t>(result) == of.buffer.size();
        return faulty_ && of.what == act::receive && full && of.turns > 1 ? result - 1 : result;
    }

  private:
    void pair(int type, std::size_t at) {
        require(::socketpair(AF_UNIX, type | loop_.socket_flags(), 0, &fds_[at]) == 0,
                "a pair of sockets can be made");
        const int smallest = 1; // the kernel makes more of it
        for (std::size_t i = at; i < at + 2; ++i) {
            ::setsockopt(fds_[i], SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest);
        }
    }

    template <class Operation, class... Parameters>
    void submit(slot& into, bool attempt, Parameters&&... parameters) {
        auto& made = into.operation.template emplace<kept<Operation>>(
            into, std::forward<Parameters>(parameters)...);
        into.in_flight = true;
        if (!attempt) {
            loop_.submit(made);
        } else if (loop_.attempt(made)) {
            into.in_flight = false;
            into.result = made.result();
        }
    }

    void fill(slot& into, const step& next) {
        into.buffer.resize(next.size);
        unsigned char byte = next.first_byte;
        for (std::byte& each : into.buffer) {
            each = next.what == act::receive ? std::byte{} : std::byte{byte++};
        }
    }

    pirn::loop& loop_;
    pirn::test_clock& clock_;
    bool faulty_;
    std::array<int, descriptors> fds_{};
    std::array<slot, slots> slots_;
};

inline void side::begin(const step& next) {
    slot& into = slots_[next.slot];
    const int fd = fds_[next.descriptor];
    if (next.what != act::cancel && next.what != act::withdraw && next.what != act::advance &&
        next.what != act::write_pipe && next.what != act::read_pipe) {
        into.result.reset();
        into.what = next.what;
        into.descriptor = next.descriptor;
        into.turns = 0;
        fill(into, next);
    }
    switch (next.what) {
    case act::receive:
        submit<pirn::receive_operation>(into, next.attempt, fd, pirn::mutable_bytes{into.buffer});
        break;
    case act::send:
        submit<pirn::send_operation>(into, next.attempt, fd, pirn::bytes{into.buffer});
        break;
    case act::send_zero_copy:
        submit<pirn::send_zero_copy_operation>(into, false, fd, pirn::bytes{into.buffer});
        break;
    case act::send_vector: {
        const std::size_t half = into.buffer.size() / 2;
        into.pieces = {iovec{into.buffer.data(), half},
                       iovec{into.buffer.data() + half, into.buffer.size() - half}};
        submit<pirn::send_vector_operation>(into, next.attempt, fd,
                                            std::span<const iovec>{into.pieces});
        break;
    }
    case act::poll:
        submit<pirn::poll_operation>(into, next.attempt, fd, static_cast<short>(next.flags));
        break;
    case act::timer:
        submit<pirn::timer_operation>(into, false,
                                      clock_.now() + std::chrono::nanoseconds{next.size});
        break;
    case act::nop: submit<pirn::nop_operation>(into, false); break;
    case act::shutdown: submit<pirn::shutdown_operation>(into, false, fd, next.flags); break;
    case act::close:
        fds_[next.descriptor] = -1;
        submit<pirn::close_operation>(into, false, fd);
        break;
    case act::cancel: loop_.cancel(*into.base()); break;
    case act::withdraw:
        loop_.withdraw(std::get<kept<pirn::timer_operation>>(into.operation));
        into.in_flight = false;
        break;
    case act::advance: clock_.advance(std::chrono::nanoseconds{next.size}); break;
    case act::write_pipe: {
        const std::vector<std::byte> some(next.size);
        static_cast<void>(::write(fd, some.data(), some.size()) < 0);
        break;
    }
    case act::read_pipe: {
        std::vector<std::byte> some(next.size);
        static_cast<void>(::read(fd, some.data(), some.size()) < 0);
        break;
    }
    }
}

} // namespace fuzz
