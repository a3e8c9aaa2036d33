// SPDX-License-Identifier: MIT
//
// Operations on the loop of another thread: carried over by a call to that thread's scheduler, and back by the unpark.
//
//   task's thread                                loop's thread
//    │ post begin ─────────────────────────────►│ attempt, or submit
//    │ park                                     ┆
//    ┆ asked to stop: post cancel ─────────────►│ cancel
//    │◄─────────────────────────────── unpark ──│ completed
//
// Both calls stand on the task's stack, so it waits for the second too before it goes on.
#include <pirn/base/assert.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/sched/crew.hpp>
#include <pirn/sched/scheduler.hpp>

#include "runtime/loop_idler.hpp"
#include "runtime/wait_kinds.hpp"

#include <cerrno>

namespace pirn::detail {
namespace {

scheduler* scheduler_on(const loop& any) noexcept {
    const scheduler* const here = scheduler::current();
    const crew* const everybody = here != nullptr ? here->shares_with() : nullptr;
    for (std::size_t i = 0; everybody != nullptr && i < everybody->size(); ++i) {
        scheduler* const one = everybody->member(i);
        if (one != nullptr && loop_of(one->idles_with()) == &any) {
            return one;
        }
    }
    return nullptr;
}

struct journey : waiter {
    struct begin_call : remote_call {
        explicit begin_call(journey& of) noexcept : remote_call{&arrived}, whose{of} {}
        static void arrived(remote_call& call) noexcept {
            journey& self = static_cast<begin_call&>(call).whose;
            if (!self.still_wanted(self.wanted_by)) {
                self.begun = false;
                unpark(self);
            } else if (self.there.attempt(self.what)) {
                unpark(self);
            }
        }
        journey& whose;
    };
    struct cancel_call : remote_call {
        explicit cancel_call(journey& of) noexcept : remote_call{&arrived}, whose{of} {}
        static void arrived(remote_call& call) noexcept {
            journey& self = static_cast<cancel_call&>(call).whose;
            self.there.cancel(self.what); // nothing happens to one that has ended
            unpark(self.cancelled);
        }
        journey& whose;
    };

    journey(scheduler& goes_to, loop& on, operation& awaited, bool (*wanted)(const void*) noexcept,
            const void* by) noexcept
        : waiter{&stop}, destination{goes_to}, there{on}, what{awaited}, still_wanted{wanted},
          wanted_by{by} {
        kind = &for_another_thread;
    }

    static void stop(waiter& on) noexcept {
        auto& self = static_cast<journey&>(on);
        if (!self.asked) {
            self.asked = true;
            self.destination.post(self.cancel);
        }
    }

    scheduler& destination;
    loop& there;
    operation& what;
    bool (*const still_wanted)(const void*) noexcept;
    const void* const wanted_by;
    bool begun = true;
    bool asked = false;
    begin_call begin{*this};
    cancel_call cancel{*this};
    waiter cancelled{nullptr};
};

} // namespace

int await_elsewhere(loop& there, operation& what, waiter*& sleeper,
                    bool (*still_wanted)(const void*) noexcept, const void* whose) noexcept {
    scheduler* const destination = scheduler_on(there);
    PIRN_REQUIRE(destination != nullptr,
                 "a stream was used on another runtime than the one that it was made on");
    if (stop_refuses()) {
        return -ECANCELED;
    }
    journey trip{*destination, there, what, still_wanted, whose};
    sleeper = &trip;
    destination->post(trip.begin);
    park(trip);
    if (trip.asked) {
        park(trip.cancelled);
    }
    const int result = trip.begun ? what.result() : -ECANCELED;
    if (result == -ECANCELED) {
        note_stop();
    }
    return result;
}

bool call_elsewhere_erased(loop& there, void (*call)(void* what) noexcept, void* what) noexcept {
    scheduler* const destination = scheduler_on(there);
    if (destination == nullptr) {
        return false;
    }
    struct errand : remote_call {
        errand(void (*does)(void*) noexcept, void* with) noexcept
            : remote_call{&arrived}, function{does}, argument{with} {
            done.kind = &for_another_thread;
        }
        static void arrived(remote_call& which) noexcept {
            auto& self = static_cast<errand&>(which);
            self.function(self.argument);
            unpark(self.done);
        }
        void (*const function)(void*) noexcept;
        void* const argument;
        waiter done{nullptr};
    } call_there{call, what};
    destination->post(call_there);
    park(call_there.done);
    return true;
}

} // namespace pirn::detail
