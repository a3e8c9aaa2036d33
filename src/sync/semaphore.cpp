// SPDX-License-Identifier: MIT
//
// Tokens: given to who waits, else kept.
#include <pirn/sync/semaphore.hpp>

#include <pirn/base/assert.hpp>

namespace pirn {

using detail::holding;
using detail::lone_wait;
using detail::woken;

namespace {

constexpr wait_kind waits_for_semaphore{"a semaphore"};

} // namespace

semaphore::semaphore(std::size_t tokens) : tokens_{tokens} {
    PIRN_REQUIRE(tokens <= max, "a semaphore has too many tokens", {"tokens", tokens});
}

semaphore::~semaphore() {
    const holding held{guard_};
    PIRN_REQUIRE(waiters_.empty(), "a semaphore was destroyed while somebody waits for it");
}

void semaphore::acquire() {
    detail::checkpoint();
    holding held{guard_};
    if (tokens_ > 0) {
        --tokens_;
        return;
    }
    lone_wait me{guard_, waiters_};
    me.kind = &waits_for_semaphore;
    waiters_.push(me);
    held.release();
    me.sleep_or_throw();
}

bool semaphore::try_acquire() noexcept {
    const holding held{guard_};
    if (tokens_ == 0) {
        return false;
    }
    --tokens_;
    return true;
}

void semaphore::release(std::size_t tokens) {
    woken wake;
    const holding held{guard_};
    PIRN_REQUIRE(tokens <= max - tokens_, "a semaphore was given too many tokens",
                 {"available", tokens_}, {"tokens", tokens});
    for (; tokens > 0; --tokens) {
        detail::place* const next = waiters_.take();
        if (next == nullptr) {
            break;
        }
        wake.add(*next);
    }
    tokens_ += tokens;
}

std::size_t semaphore::available() const noexcept {
    const holding held{guard_};
    return tokens_;
}

} // namespace pirn
