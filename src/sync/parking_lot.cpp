// SPDX-License-Identifier: MIT
//
// Waiting, for tasks and for threads.
//
// Shared state: `cells`, where threads block. A thread's waiter is marked as over under the mutex of its cell and
// is not touched afterwards: it may be gone at once. The cells outlive everybody.
#include <pirn/sync/parking_lot.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace pirn::detail {
namespace {

struct cell {
    std::mutex mutex;
    std::condition_variable condition;
};

constexpr std::size_t cell_count = 64;

cell& cell_of(const waiter& on) noexcept {
    static cell* const cells =
        new cell[cell_count]; // never freed: threads may block until the very end
    const auto address = reinterpret_cast<std::uintptr_t>(&on);
    return cells[(address / alignof(std::max_align_t) * 0x9e3779b1U >> 16U) % cell_count];
}

void stop_choice(waiter& on) noexcept {
    auto& self = static_cast<choice&>(on);
    if (self.claim(self.stopped)) {
        unpark(self);
    }
}

} // namespace

choice::choice() noexcept : choice{current_task()} {}

choice::choice(task* self) noexcept : waiter{self, self != nullptr ? &stop_choice : &wake_thread} {}

bool choice::claim(place& by) noexcept {
    place* nobody = nullptr;
    if (only_thread()) {
        if (winner.load(std::memory_order_relaxed) != nullptr) {
            return false;
        }
        winner.store(&by, std::memory_order_relaxed);
        return true;
    }
    // What the winner does afterwards is published by the unpark.
    return winner.compare_exchange_strong(nobody, &by, std::memory_order_acq_rel,
                                          std::memory_order_relaxed);
}

void lone_wait::abandon() noexcept {
    const holding held{guard};
    queue.leave(*this);
}

outcome lone_wait::sleep() {
    if (who != nullptr) {
        park(*this);
    } else {
        thread_wait_until(*this, never);
    }
    return result;
}

outcome lone_wait::sleep_or_throw() {
    if (sleep() == outcome::none) {
        note_stop();
        throw cancelled{};
    }
    return result;
}

void lone_wait::leave(waiter& on) noexcept {
    auto& self = static_cast<lone_wait&>(on);
    // Looked at first without the lock: a place that was taken may have been the last one, and the primitive
    // may be gone.
    if (!self.queued.load(std::memory_order_relaxed)) {
        return;
    }
    {
        const holding held{self.guard};
        if (!self.queued.load(std::memory_order_relaxed)) {
            return;
        }
        self.queue.leave(self);
    }
    unpark(self);
}

const void* who_am_i() noexcept {
    // Only its address matters: of its second byte, which is odd, as no task's is.
    alignas(2) static thread_local const std::array<char, 2> mark{};
    const task* self = current_task();
    return self != nullptr ? static_cast<const void*>(self) : &mark[1];
}

task* task_of_identity(const void* identity) noexcept {
    const bool of_thread = (reinterpret_cast<std::uintptr_t>(identity) & 1) != 0;
    return of_thread ? nullptr : static_cast<task*>(const_cast<void*>(identity));
}

void fail_with_lock(const char* kind, const held_lock& lock, const task& owner,
                    const place* first) {
    const task* const waits =
        first != nullptr && first->sleeper != nullptr ? first->sleeper->who : nullptr;
    fail_at(owner.created_at,
            "a task has ended while it has a mutex locked, and no other task can unlock it; let a "
            "std::scoped_lock or std::unique_lock unlock it",
            "the task has no mutex locked",
            {{"task", owner.name()},
             {"kind", kind},
             {"mutex", static_cast<const void*>(&lock)},
             {"first waiter", waits != nullptr   ? waits->name()
                              : first != nullptr ? "unnamed"
                                                 : "none"}});
}

bool thread_wait_until(waiter& on, time_point deadline) noexcept {
    cell& here = cell_of(on);
    std::unique_lock lock{here.mutex};
    const auto is_over = [&on] { return on.over; };
    if (deadline == never) {
        here.condition.wait(lock, is_over);
        return true;
    }
    return here.condition.wait_until(lock, deadline, is_over);
}

void wake_thread(waiter& on) noexcept {
    cell& here = cell_of(on);
    {
        const std::scoped_lock lock{here.mutex};
        on.over = true;
    }
    here.condition.notify_all();
}

} // namespace pirn::detail
