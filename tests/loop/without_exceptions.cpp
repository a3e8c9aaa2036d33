// SPDX-License-Identifier: MIT
//
// A user's file without exceptions and run-time type information that uses the event loop. No GoogleTest here: it
// would be compiled in this way too.
#include "loop/without_exceptions.hpp"

#include <pirn/loop/loop.hpp>
#include <pirn/loop/operations.hpp>

#include <array>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

void ended(pirn::operation&) noexcept {}

struct counts {
    ~counts() { ++where; }
    int& where;
};

} // namespace

loop_seen operations_on_a_loop(pirn::backend_kind backend) {
    loop_seen seen;
    pirn::loop loop{{.backend = backend}};
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | loop.socket_flags(), 0, pair.data()) != 0) {
        return seen;
    }
    pirn::timer_operation timer{pirn::clock::now(), &ended};
    pirn::timer_operation endless{pirn::never, &ended};
    pirn::poll_operation poll{pair[1], POLLOUT, &ended};
    std::array<std::byte, 4> buffer{};
    pirn::receive_operation receive{pair[0], buffer, &ended};
    for (pirn::operation* one :
         std::initializer_list<pirn::operation*>{&timer, &endless, &poll, &receive}) {
        loop.submit(*one);
    }
    loop.cancel(endless);
    if (::send(pair[1], "x", 1, 0) == 1) {
        seen.delivered = loop.run();
    }
    seen.timer = timer.result();
    seen.poll = poll.result();
    seen.cancelled = endless.result();
    seen.received = receive.result();
    for (const int descriptor : pair) {
        loop.release(descriptor);
        ::close(descriptor);
    }
    return seen;
}

void makes_a_loop(pirn::backend_kind backend, int& frames_ended) {
    const counts local{frames_ended};
    const pirn::loop loop{{.backend = backend}};
}
