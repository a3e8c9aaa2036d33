// SPDX-License-Identifier: MIT
//
// System calls that a test answers in the kernel's place (seccomp's user notification): errors that no kernel can be
// made to give, at the moment that the test chooses.
#pragma once

#include "support/forbid.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <initializer_list>
#include <thread>
#include <vector>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace support {

namespace detail {

// listen_to: from now on, these system calls of the calling thread are reported through the descriptor that is
// returned; -1 when this kernel, or its policy, does not let us.
inline int listen_to(std::initializer_list<long> system_calls) {
    std::vector<sock_filter> program = filter_of(system_calls, SECCOMP_RET_USER_NOTIF);
    sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return -1;
    }
    return static_cast<int>(
        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter));
}

// answer_next: false when the thread has ended.
template <class Answer>
bool answer_next(int listener, Answer& answer) {
    pollfd next{listener, POLLIN, 0};
    if (::poll(&next, 1, -1) < 0) {
        return errno == EINTR;
    }
    if ((next.revents & POLLIN) == 0) {
        return false;
    }
    seccomp_notif call{};
    if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) {
        return errno == EINTR || errno == ENOENT; // the call was interrupted by a signal meanwhile
    }
    seccomp_notif_resp response{};
    response.id = call.id;
    response.error = -answer(call.data);
    response.flags = response.error == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0U;
    ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
    return true;
}

} // namespace detail

// run_answering: runs `body` on a thread of its own, whose calls of these numbers are answered: with the errno that
// answer(const seccomp_data&) returns on the calling thread, or by the kernel when it returns 0. False, and nothing
// has run, when that cannot be had here.
template <class Answer>
bool run_answering(std::initializer_list<long> system_calls, Answer answer,
                   const std::function<void()>& body) {
    std::promise<int> listening;
    std::thread thread{[&] {
        const int listener = detail::listen_to(system_calls);
        listening.set_value(listener);
        if (listener >= 0) {
            body();
        }
    }};
    const int listener = listening.get_future().get();
    while (listener >= 0 && detail::answer_next(listener, answer)) {
    }
    thread.join();
    if (listener >= 0) {
        ::close(listener);
    }
    return listener >= 0;
}

} // namespace support
