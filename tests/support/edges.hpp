// SPDX-License-Identifier: MIT
//
// A wait in an epoll of the test's own.
#pragma once

#include <cerrno>

#include <sys/epoll.h>

namespace support {

// wait_for_edges: epoll_wait for one event, which begins again when it is interrupted: a process that is stopped and
// continued sees EINTR even without a handler (signal(7)).
inline int wait_for_edges(int epoll, int milliseconds_max) {
    epoll_event event{};
    int found = 0;
    do {
        found = ::epoll_wait(epoll, &event, 1, milliseconds_max);
    } while (found < 0 && errno == EINTR);
    return found;
}

} // namespace support
