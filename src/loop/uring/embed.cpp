// SPDX-License-Identifier: MIT
//
// The io_uring backend: when somebody else waits for us, and when we are left behind in a child process.
//
// The ring's own descriptor does not do for waiting: with DEFER_TASKRUN the kernel finishes requests only while
// we are in it. But it writes an eventfd (IORING_REGISTER_EVENTFD) when it has something to finish, and for each
// completion; unless a flag in the ring says that nobody listens (IORING_CQ_EVENTFD_DISABLED), which holds during
// our own turns, or each completion would be told twice.
//
//                       before_wait: nothing there, listen, still nothing there
//   nobody listens ─────────────────────────────────────────────────────────────► somebody else waits
//         ▲                                                                          │ readable
//         └──────────────────────────────────────────────────────────────────────────┘
//            poll: listen no more, read the eventfd, and only then look
//
// A wake rings the same eventfd. It could take the way through the ring, which watches the wakeup's own; but the
// kernel writes no eventfd from within the writing of another, and takes milliseconds to do it later.
#include <pirn/base/error.hpp>

#include "loop/uring/uring.hpp"

#include <cerrno>

#include <sys/eventfd.h>

namespace pirn::detail {

int uring_backend::descriptor() {
    if (!ready_ && refusal() != 0) {
        throw_error(error_of(refusal()), "loop::descriptor");
    }
    if (!ready_) {
        os::handle fresh{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
        if (!fresh) {
            throw_errno("eventfd");
        }
        if (const int error = ring_.notify(fresh.get())) {
            throw_error(error_of(error), "io_uring_register");
        }
        ready_ = std::move(fresh);
        ring_.listen(false);
        wakeup_.ring_also(ready_.get());
    }
    return ready_.get();
}

// What finds the queue full, and what an accept_many had no room for, is for poll to go on with.
bool uring_backend::before_wait() noexcept {
    if (refusal() != 0) {
        return !wakeup_.asked();
    }
    const bool everything = hand_over();
    if (ring_.flush() < 0 || !everything || ring_.ready()) {
        return false;
    }
    if (ready_ && !listens_) {
        listens_ = true;
        ring_.listen(true);
    }
    return !ring_.ready() && !wakeup_.asked();
}

// stop_listening: a turn begins.
void uring_backend::stop_listening() noexcept {
    if (listens_) {
        listens_ = false;
        ring_.listen(false);
        eventfd_t told = 0;
        ::eventfd_read(ready_.get(), &told); // EAGAIN when there was nothing
    }
}

void uring_backend::abandon() noexcept {
    ring_.close();
    wakeup_.close();
    ready_.close();
    pipes_ = {};
}

} // namespace pirn::detail
