// SPDX-License-Identifier: MIT
//
// Accepting, for listeners of every kind.
#include "net/common.hpp"

#include <chrono>

namespace pirn::net::detail {
namespace {

// While the process has no descriptor left, the kernel reports the waiting connection again and again;
// in between, others get the thread, and may close something.
constexpr auto retry_pause = std::chrono::milliseconds{20};

// How many connections may be lost one after the other before the same pause is made.
constexpr int lost_in_a_row_max = 32;

bool out_of_descriptors(int result) noexcept {
    return result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM;
}

// belongs_to_connection: whether it is an error of the connection that was waiting, or of the network that it came
// through, which accept(2) reports in place of it and wants to be asked again after; EPERM is a firewall's.
bool belongs_to_connection(int result) noexcept {
    switch (-result) {
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case EOPNOTSUPP: return true;
    default: return false;
    }
}

// is_no_listener: EOPNOTSUPP of a socket that does not listen is its own.
bool is_no_listener(int descriptor, int result) noexcept {
    return result == -EOPNOTSUPP && os::option(descriptor, SOL_SOCKET, SO_ACCEPTCONN) != 1;
}

} // namespace

int accept_on(endpoint& listener) noexcept {
    for (int lost = 0;;) {
        awaitable<accept_operation> next{listener.descriptor()};
        const int result = await_on(listener, direction::reading, next);
        if (belongs_to_connection(result) && !is_no_listener(listener.descriptor(), result)) {
            // Mostly the kernel has taken the connection from its queue, and the next one is worth an attempt. What
            // refuses every attempt is asked less often.
            if (++lost < lost_in_a_row_max) {
                continue;
            }
            lost = 0;
        } else if (!out_of_descriptors(result)) {
            return result;
        }
        awaitable<timer_operation> pause{after(retry_pause)};
        // Marked as in use all the time, so that closing the listener ends the pause too.
        if (await_on(listener, direction::reading, pause) == -ECANCELED) {
            return -ECANCELED;
        }
    }
}

} // namespace pirn::net::detail
