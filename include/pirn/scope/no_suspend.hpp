// SPDX-License-Identifier: MIT
//
// A promise that a piece of a task does not suspend, which is held to at run time: for what relies on nobody else
// running in between.
//
//   {
//       const pirn::no_suspend here;
//       balance[from] -= amount;
//       balance[to] += amount;
//   }
#pragma once

#include <pirn/base/export.hpp>

namespace pirn {

namespace detail {
struct task;
}

// no_suspend: while one lives, a suspension of the task that made it is a programmer error. They nest. Outside of any
// task it means nothing. Costs a look at the task on each suspension, whether or not there is one.
class PIRN_EXPORT no_suspend {
  public:
    // Never suspends.
    no_suspend() noexcept;
    no_suspend(const no_suspend&) = delete;
    no_suspend& operator=(const no_suspend&) = delete;
    ~no_suspend();

  private:
    detail::task* whose_;
};

} // namespace pirn
