// SPDX-License-Identifier: MIT
//
// What goes to the blocking pool and comes back.
#include "loop/pool_door.hpp"

#include "base/sanitizers.hpp"
#include "loop/pool_state.hpp"

#include <algorithm>
#include <cerrno>

#include <sched.h>

namespace pirn::detail {
namespace {

using namespace std::chrono_literals;

// Flag of an operation on its way to the pool: still in our own list.
constexpr std::uint8_t waits_here = 0x01;

// An interruption is lost on a thread that is just about to begin its system call; so it is repeated,
// at first soon, and less and less often for work that does not care.
constexpr duration first_pause = 1ms;
constexpr duration longest_pause = 100ms;

} // namespace

pool_door::pool_door(std::shared_ptr<blocking_pool> pool, backend& kernel,
                     operation_queue& finished)
    : pool_{pool != nullptr ? std::move(pool) : std::make_shared<blocking_pool>()}, kernel_{kernel},
      finished_{finished} {}

pool_door::~pool_door() {
    if (!pool_->state_->is_here()) {
        return; // the threads have stayed with the parent process
    }
    // acquire: pairs with the release in done. The last one is between its push and its way out.
    while (visitors_.load(std::memory_order_acquire) != 0) {
        ::sched_yield();
    }
}

void pool_door::submit(pooled_operation& what) noexcept {
    operation_access::flags(what) |= operation_flag::on_pool | waits_here;
    operation_access::door(what) = this;
    operation_access::stop(what).store(0, std::memory_order_relaxed);
    waiting_.push_back(what);
    hand_out();
}

void pool_door::cancel(pooled_operation& what) noexcept {
    if ((operation_access::flags(what) & waits_here) != 0) {
        waiting_.erase(what);
        finish(what, -ECANCELED);
        return;
    }
    operation_access::stop(what).store(1, std::memory_order_relaxed);
    if (pool_->state_->take_back(what)) {
        --outside_;
        finish(what, -ECANCELED);
        hand_out();
        return;
    }
    if (pool_->state_->hit(what)) {
        stubborn_.push_back(what);
        pause_ = first_pause;
        next_hit_ = clock::now() + pause_;
    }
}

void pool_door::turn() noexcept {
    if (!inbox_.empty()) {
        pooled_operation* next = nullptr;
        pooled_operation* const taken = inbox_.take_all();
        tell_acquire(this);
        for (pooled_operation* what = taken; what != nullptr; what = next) {
            next = mpsc<pooled_operation>::next(*what);
            --outside_;
            if (operation_access::queued(*what)) {
                stubborn_.erase(*what);
            }
            const bool interrupted = what->result() == -EINTR && what->stop_requested();
            finish(*what, interrupted ? -ECANCELED : what->result());
        }
        hand_out();
    }
    if (!stubborn_.empty()) {
        hit_again();
    }
}

void pool_door::done(pooled_operation& what, int result) noexcept {
    operation_access::set_result(what, result);
    tell_release(this);
    if (inbox_.push(what)) {
        kernel_.wake();
    }
    // release: pairs with the acquire in the destructor: the last use of this object.
    visitors_.fetch_sub(1, std::memory_order_release);
}

// ---------------------------------------------------------------------------------------------------

void pool_door::hand_out() noexcept {
    while (outside_ < pool_->state_->share) {
        auto* const what = static_cast<pooled_operation*>(waiting_.pop_front());
        if (what == nullptr) {
            return;
        }
        operation_access::flags(*what) &= static_cast<std::uint8_t>(~waits_here);
        if (const int error = pool_->state_->push(*what)) {
            finish(*what, error);
        } else {
            ++outside_;
        }
    }
}

void pool_door::finish(pooled_operation& what, int result) noexcept {
    operation_access::set_result(what, result);
    operation_access::flags(what) |= operation_flag::finished;
    finished_.push_back(what);
}

void pool_door::hit_again() noexcept {
    const time_point now = clock::now();
    if (now < next_hit_) {
        return;
    }
    for (operation* what = stubborn_.front(); what != nullptr; what = stubborn_.next(*what)) {
        pool_->state_->hit(static_cast<pooled_operation&>(*what));
    }
    pause_ = std::min(2 * pause_, longest_pause);
    next_hit_ = now + pause_;
}

} // namespace pirn::detail
