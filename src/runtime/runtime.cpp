// SPDX-License-Identifier: MIT
//
// The bridge's girders: one loop, one scheduler, and the idler that makes the one wait in the other.
#include <pirn/runtime/runtime.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/loop/loop.hpp>

#include "runtime/loop_idler.hpp"

#include <string>

namespace pirn {

struct runtime::state {
    explicit state(const runtime_options& chosen)
        : options{chosen}, main_name{chosen.main.name}, loop{chosen.loop}, idles_with{loop},
          scheduler{chosen.scheduler, &idles_with} {
        options.main.name = main_name;
    }

    runtime_options options;
    std::string main_name; // the options hold only a view
    pirn::loop loop;
    detail::loop_idler idles_with;
    pirn::scheduler scheduler; // goes first: its tasks may still have operations in the loop
};

runtime::runtime(const runtime_options& options) {
    PIRN_REQUIRE(detail::current_task() == nullptr,
                 "pirn::run was called inside a task; call the function itself, or spawn it");
    state_ = std::make_unique<state>(options);
}

runtime::~runtime() = default;

scheduler& runtime::scheduler() noexcept { return state_->scheduler; }

loop& runtime::loop() noexcept { return state_->loop; }

const runtime_options& runtime::options() const noexcept { return state_->options; }

void runtime::finish(const detail::task& main) {
    state_->scheduler.run_until_ended(main);
    if (main.failure) {
        state_->scheduler.request_stop_all();
    }
    state_->scheduler.run();
}

loop* current_loop_or_null() noexcept {
    const pirn::scheduler* here = pirn::scheduler::current();
    return here != nullptr ? detail::loop_of(here->idles_with()) : nullptr;
}

loop& current_loop() {
    loop* here = current_loop_or_null();
    PIRN_REQUIRE(here != nullptr, "this call needs an event loop: make it inside pirn::run");
    return *here;
}
} // namespace pirn
