// SPDX-License-Identifier: MIT
//
// What a scheduler without an event loop waits on.
#pragma once

#include <pirn/sched/idler.hpp>

#include <condition_variable>
#include <mutex>

namespace pirn::detail {

class condition_idler final : public idler {
  public:
    void poll() override;
    void wait() override;
    void wait_until(time_point deadline) override;
    bool expects_news() const noexcept override { return false; }
    void wake() noexcept override;

  private:
    std::mutex mutex_;
    std::condition_variable condition_;
    bool woken_ = false;
};

} // namespace pirn::detail
