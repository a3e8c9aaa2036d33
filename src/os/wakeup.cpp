// SPDX-License-Identifier: MIT
//
// Waking through an eventfd.
#include "os/wakeup.hpp"

#include <pirn/base/error.hpp>

#include <cerrno>
#include <cstdint>

#include <sys/eventfd.h>
#include <unistd.h>

namespace pirn::os {

wakeup::wakeup() : event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
    if (!event_) {
        throw_errno("eventfd");
    }
}

void wakeup::wake() noexcept {
    // release: pairs with the acquire in consume. The sleeper sees what was done before this wake
    // even when the flag was up already and another waker writes: the exchange in consume then reads
    // this one's 1, or a later one that continues its release sequence.
    // seq_cst: as for who begins to wait elsewhere, see ring_also.
    if (asked_.exchange(1, std::memory_order_seq_cst) != 0) {
        return;
    }
    const int saved = errno;
    const std::uint64_t one = 1;
    // The write cannot fail: the counter does not fill, and eight bytes are written whole or not at
    // all, so that a signal cannot interrupt it halfway.
    [[maybe_unused]] ssize_t wrote = ::write(event_.get(), &one, sizeof one);
    if (const int also = also_.load(std::memory_order_seq_cst); also >= 0) {
        wrote = ::write(also, &one, sizeof one);
    }
    errno = saved;
}

// seq_cst: a waker sets the flag and then looks whom to ring; the sleeper says so and then looks at the flag: one of
// them sees the other.
void wakeup::ring_also(int descriptor) noexcept {
    also_.store(descriptor, std::memory_order_seq_cst);
}

bool wakeup::asked() const noexcept { return asked_.load(std::memory_order_seq_cst) != 0; }

bool wakeup::consume() noexcept {
    // The relaxed look first keeps the common turn of a loop free of a locked instruction. It may
    // miss a wake that is just happening; the edge of that one is still to come.
    // acquire: pairs with the release in wake.
    return asked_.load(std::memory_order_relaxed) != 0 &&
           asked_.exchange(0, std::memory_order_acquire) != 0;
}

} // namespace pirn::os
