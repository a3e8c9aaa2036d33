// SPDX-License-Identifier: MIT
//
// What multishot operations have to report, one after the other.
#pragma once

#include <pirn/loop/multishot.hpp>

namespace pirn::detail {

// take_report: makes the oldest thing that came the operation's result. False when there is none.
bool take_report(multishot_operation& what) noexcept;

// drop_report: takes back what the completion has not taken.
void drop_report(multishot_operation& what) noexcept;

// reports_once: whether its first report is its last.
bool reports_once(const multishot_operation& what) noexcept;

// count_user: keeps a ring from being destroyed under the operation.
void count_user(multishot_operation& what, int change) noexcept;

} // namespace pirn::detail
