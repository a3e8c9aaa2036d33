// SPDX-License-Identifier: MIT
//
// The process calls of the kernel, thinly: zero or more on success and a negative errno otherwise.
#pragma once

#include <sys/types.h>

namespace pirn::os {

// child_end: how a child has ended, as waitid(2) says it.
struct child_end {
    int code = 0;
    int status = 0;
};

// open_process: a pidfd, readable once the process has ended; close-on-exec. Never suspends.
int open_process(pid_t process) noexcept;

// reap: 1 and how it has ended, which reaps it; 0 while it runs; -ECHILD when it is no child. By number,
// or by pidfd, which cannot mean another process that got the number meanwhile. Never suspend.
int reap(pid_t process, child_end& end) noexcept;
int reap_by_pidfd(int pidfd, child_end& end) noexcept;

} // namespace pirn::os
