// SPDX-License-Identifier: MIT
//
// Idling on an event loop.
#include "runtime/loop_idler.hpp"

#include <exception>
#include <system_error>

namespace pirn::detail {
namespace {

constexpr char kind_tag = 0; // only its address matters

} // namespace

loop_idler::loop_idler(loop& serves, bool by_test_clock, refused call, void* context) noexcept
    : idler{&kind_tag}, loop_{serves}, by_test_clock_{by_test_clock}, refused_{call},
      context_{context} {}

// run: a refusal does not go through the scheduler, whose tasks have to come to their ends all the same.
void loop_idler::run(run_mode mode, time_point until) {
    try {
        loop_.run(mode, until);
    } catch (const std::system_error&) {
        if (!loop_.refusal()) { // a child process after fork
            if (mode == run_mode::nowait) {
                return; // a task that waits for something is told so by its own call
            }
            throw;
        }
        refused_(context_, std::current_exception());
    }
}

void loop_idler::poll() { run(run_mode::nowait); }

void loop_idler::wait() { run(run_mode::once); }

// A test's time does not go by because somebody is waiting: it would jump to the deadline, and tasks would see that.
// Where nothing is under way it may, as only a deadlock is seen then.
void loop_idler::wait_until(time_point deadline) {
    run(run_mode::once, by_test_clock_ && expects_news() ? never : deadline);
}

bool loop_idler::expects_news() const noexcept { return loop_.pending() > 0; }

void loop_idler::wake() noexcept { loop_.wake(); }

loop* loop_of(idler& any) noexcept {
    return any.kind() == &kind_tag ? &static_cast<loop_idler&>(any).serves() : nullptr;
}

} // namespace pirn::detail
