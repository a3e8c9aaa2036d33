// SPDX-License-Identifier: MIT
//
// The barrier.
//
//   missing = parties ── arrivals ──► 0: completion, outside of the lock ──► next phase, missing = parties
//
// While the completion runs nobody is missing, so that an arrival then is one too many.
#include <pirn/sync/barrier.hpp>

#include <pirn/base/assert.hpp>

namespace pirn::detail {

namespace {

constexpr wait_kind waits_for_barrier{"a barrier"};

} // namespace

// An arrival that can be taken back, as long as its place is queued: then the phase is not complete.
struct barrier_core::arrival : lone_wait {
    explicit arrival(barrier_core& which) noexcept
        : lone_wait{which.guard_, which.waiters_, &stop}, of{which} {
        kind = &waits_for_barrier;
    }

    static void stop(waiter& on) noexcept {
        auto& self = static_cast<arrival&>(static_cast<lone_wait&>(on));
        {
            const holding held{self.guard};
            // With nobody missing, the last one is already on its way to wake us.
            if (!self.queued.load(std::memory_order_relaxed) || self.of.missing_ == 0) {
                return;
            }
            self.queue.leave(self);
            ++self.of.missing_;
        }
        unpark(self);
    }

    barrier_core& of;
};

barrier_core::barrier_core(std::size_t parties, completion_function call, void* with)
    : parties_{parties}, missing_{parties}, call_{call}, with_{with} {
    PIRN_REQUIRE(parties > 0, "a barrier needs at least one party");
}

barrier_core::~barrier_core() {
    const holding held{guard_};
    PIRN_REQUIRE(waiters_.empty(), "a barrier was destroyed while somebody waits at it");
}

// count: arrivals, with the lock held.
void barrier_core::count(std::size_t parties) {
    PIRN_REQUIRE(parties <= missing_, "more parties arrived at a barrier than are missing",
                 {"arrived", parties}, {"missing", missing_});
    missing_ -= parties;
}

// complete: with nobody missing, and the lock released.
void barrier_core::complete() {
    call_(with_);
    woken wake;
    const holding held{guard_};
    ++phase_;
    missing_ = parties_;
    wake.add_all(waiters_);
}

std::uint64_t barrier_core::arrive(std::size_t parties, bool for_good) {
    check_stop();
    std::uint64_t phase = 0;
    {
        const holding held{guard_};
        count(parties);
        if (for_good) {
            --parties_;
        }
        phase = phase_;
        if (missing_ > 0) {
            return phase;
        }
    }
    complete();
    return phase;
}

void barrier_core::wait(std::uint64_t phase) {
    checkpoint();
    holding held{guard_};
    if (phase_ != phase) {
        return;
    }
    lone_wait me{guard_, waiters_};
    me.kind = &waits_for_barrier;
    waiters_.push(me);
    held.release();
    me.sleep_or_throw();
}

void barrier_core::arrive_and_wait() {
    checkpoint();
    holding held{guard_};
    count(1);
    if (missing_ == 0) {
        held.release();
        complete();
        return;
    }
    arrival me{*this};
    waiters_.push(me);
    held.release();
    me.sleep_or_throw();
}

} // namespace pirn::detail
