// SPDX-License-Identifier: MIT
//
// Waiting for a child process.
#pragma once

#include <pirn/loop/operation.hpp>
#include <pirn/os/handle.hpp>

#include <sys/types.h>

namespace pirn {

// child_operation: completes with 0 when the child has ended, which is thereby reaped; `code` and `status`
// then say how, as waitid(2) does. It waits for this child alone and takes no other from the program:
// SIGCHLD is left as it is. -ECHILD when it is no child, or somebody else has reaped it, also meanwhile.
// Cancelled, it has reaped nobody.
//
// It needs a descriptor (a pidfd, Linux 5.3) unless the child has ended already: -EMFILE, -ENOSYS. On both
// backends the same way. 48 bytes on a 64-bit machine.
class child_operation : public operation {
  public:
    child_operation(pid_t process, completion done) noexcept
        : operation{operation_kind::child, done}, pid{process} {}

    pid_t pid;
    int code = 0;   // CLD_EXITED, CLD_KILLED or CLD_DUMPED
    int status = 0; // the exit status, or the signal

  private:
    friend struct detail::operation_access;
    os::handle pidfd_; // while it waits
};

} // namespace pirn
