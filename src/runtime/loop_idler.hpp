// SPDX-License-Identifier: MIT
//
// "What a worker does when nothing is runnable": it runs an event loop.
#pragma once

#include <pirn/loop/loop.hpp>
#include <pirn/sched/idler.hpp>

namespace pirn::detail {

class loop_idler final : public idler {
  public:
    // by_test_clock: whether the loop goes by one.
    explicit loop_idler(loop& serves, bool by_test_clock = false) noexcept;

    void poll() override;
    void wait() override;
    void wait_until(time_point deadline) override;
    bool expects_news() const noexcept override;
    void wake() noexcept override;

    loop& serves() const noexcept { return loop_; }

  private:
    loop& loop_;
    bool by_test_clock_;
};

// loop_of: the loop behind an idler, or null when it is another kind of idler. Never suspends.
loop* loop_of(idler& any) noexcept;

} // namespace pirn::detail
