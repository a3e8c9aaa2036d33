// SPDX-License-Identifier: MIT
//
// Accepting, for listeners of every kind.
#include "net/common.hpp"

#include <chrono>

namespace pirn::net::detail {
namespace {

// While the process has no descriptor left, the kernel reports the waiting connection again and again;
// in between, others get the thread, and may close something.
constexpr auto out_of_descriptors_pause = std::chrono::milliseconds{20};

bool out_of_descriptors(int result) noexcept {
    return result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM;
}

} // namespace

int accept_on(endpoint& listener) noexcept {
    for (;;) {
        awaitable<accept_operation> next{listener.descriptor()};
        const int result = await_on(listener, direction::reading, next);
        if (out_of_descriptors(result)) {
            awaitable<timer_operation> pause{after(out_of_descriptors_pause)};
            // Marked as in use all the time, so that whoever closes the listener ends the pause too.
            if (await_on(listener, direction::reading, pause) == -ECANCELED) {
                return -ECANCELED;
            }
        } else if (result != -ECONNABORTED && result != -EPROTO) {
            return result; // the others went away while they waited: not the listener's trouble
        }
    }
}

} // namespace pirn::net::detail
