// SPDX-License-Identifier: MIT
//
// The process calls.
#include "os/process.hpp"

#include <cerrno>

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pirn::os {
namespace {

int wait_without_waiting(idtype_t type, id_t id, child_end& end) noexcept {
    siginfo_t found{};
    if (::waitid(type, id, &found, WEXITED | WNOHANG) != 0) {
        return -errno;
    }
    if (found.si_pid == 0) {
        return 0;
    }
    end = {found.si_code, found.si_status};
    return 1;
}

} // namespace

int open_process(pid_t process) noexcept {
    const long pidfd = ::syscall(SYS_pidfd_open, process, 0); // close-on-exec by itself
    return pidfd < 0 ? -errno : static_cast<int>(pidfd);
}

int reap(pid_t process, child_end& end) noexcept {
    return process <= 0 ? -EINVAL : wait_without_waiting(P_PID, static_cast<id_t>(process), end);
}

int reap_by_pidfd(int pidfd, child_end& end) noexcept {
    return wait_without_waiting(P_PIDFD, static_cast<id_t>(pidfd), end);
}

} // namespace pirn::os
