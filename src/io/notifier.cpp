// SPDX-License-Identifier: MIT
//
// A flag that is the truth, and an eventfd that only ends the sleep:
//
//   notify    asked_ := 1; was it 0? then write the eventfd
//   wait      asked_ := 0; was it 1? then done. Else poll, read the eventfd, and look again
//
// A ring that is left over from a notification that was seen without polling wakes the next wait once, in vain.
#include <pirn/io/notifier.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/io/stream.hpp>
#include <pirn/loop/operations.hpp>
#include <pirn/runtime/await.hpp>

#include <cerrno>
#include <cstdint>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace pirn::io {

notifier::notifier() : event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
    if (!event_) {
        throw_errno("notifier");
    }
}

notifier::~notifier() {
    PIRN_REQUIRE(!waited_for_, "a notifier was destroyed while somebody waits for it");
}

void notifier::notify() noexcept {
    // acq_rel: pairs with the exchange in try_wait.
    if (asked_.exchange(1, std::memory_order_acq_rel) != 0) {
        return; // whoever set it has written, or is about to
    }
    const int saved = errno;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto wrote = ::write(event_.get(), &one, sizeof one);
    errno = saved;
}

bool notifier::try_wait() noexcept {
    // acq_rel: pairs with the exchange in notify.
    return asked_.exchange(0, std::memory_order_acq_rel) != 0;
}

void notifier::wait(std::error_code& error) {
    PIRN_REQUIRE(!waited_for_, "two tasks wait for the same notifier; let one of them do it");
    pirn::detail::give_way();
    for (;;) {
        if (pirn::detail::stop_refuses()) {
            error = error_of(-ECANCELED);
            return;
        }
        if (try_wait()) {
            error.clear();
            return;
        }
        awaitable<poll_operation> rung{event_.get(), short{POLLIN}};
        waited_for_ = true;
        const int result = await(rung);
        waited_for_ = false;
        if (result < 0) {
            error = error_of(result);
            return;
        }
        std::uint64_t rings = 0;
        [[maybe_unused]] const auto got = ::read(event_.get(), &rings, sizeof rings);
    }
}

void notifier::wait() {
    std::error_code error;
    wait(error);
    detail::check(error, "notifier::wait");
}

} // namespace pirn::io
