// SPDX-License-Identifier: MIT
//
// "What a worker does when nothing is runnable": it runs an event loop.
#pragma once

#include <pirn/loop/loop.hpp>
#include <pirn/sched/idler.hpp>

#include <exception>

namespace pirn::detail {

class loop_idler final : public idler {
  public:
    // by_test_clock: whether the loop goes by one.
    // refused: called on the loop's thread, outside of any task, when the kernel refuses to go on; the tasks see that
    // too, as the end of what they wait for.
    using refused = void (*)(void* context, std::exception_ptr error) noexcept;
    loop_idler(loop& serves, bool by_test_clock, refused call, void* context) noexcept;

    void poll() override;
    void wait() override;
    void wait_until(time_point deadline) override;
    bool expects_news() const noexcept override;
    void wake() noexcept override;

    loop& serves() const noexcept { return loop_; }

  private:
    void run(run_mode mode, time_point until = never);

    loop& loop_;
    bool by_test_clock_;
    refused refused_;
    void* context_;
};

// loop_of: the loop behind an idler, or null when it is another kind of idler. Never suspends.
loop* loop_of(idler& any) noexcept;

} // namespace pirn::detail
