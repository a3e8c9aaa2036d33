// SPDX-License-Identifier: MIT
//
// What the standard library does not say about threads.
#pragma once

namespace pirn::os {

// name_this_thread: for debuggers and top; at most 15 characters count. Never suspends.
void name_this_thread(const char* name) noexcept;

} // namespace pirn::os
