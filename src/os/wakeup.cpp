// SPDX-License-Identifier: MIT
//
// Waking through an eventfd.
#include "os/wakeup.hpp"

#include <pirn/base/error.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <thread>

#include <poll.h>
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

bool wakeup::wait(time_point until) noexcept {
    if (consume()) {
        return true;
    }
    constexpr duration longest = std::chrono::hours{1};
    const duration rest = until == time_point::min() ? duration::zero()
                          : until == never
                              ? longest
                              : std::clamp(until - clock::now(), duration::zero(), longest);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(rest);
    timespec timeout{};
    timeout.tv_sec = static_cast<decltype(timeout.tv_sec)>(seconds.count());
    timeout.tv_nsec = static_cast<decltype(timeout.tv_nsec)>((rest - seconds).count());
    pollfd asked{.fd = event_.get(), .events = POLLIN, .revents = 0};
    if (::ppoll(&asked, 1, &timeout, nullptr) < 0 && errno != EINTR) {
        constexpr duration between_looks = std::chrono::milliseconds{1};
        std::this_thread::sleep_for(std::min(rest, between_looks)); // not even that is allowed
    }
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(event_.get(), &count, sizeof count);
    return consume();
}

} // namespace pirn::os
