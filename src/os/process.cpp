// SPDX-License-Identifier: MIT
//
// The process calls. Starting one is spawn.cpp.
#include "os/process.hpp"

#include "os/result.hpp"

#include <cerrno>
#include <csignal>

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

// is_unreaped_child: whether the number of the pidfd's process still is its own.
bool is_unreaped_child(int pidfd) noexcept {
    siginfo_t found{};
    return ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &found,
                    WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

} // namespace

int send_signal(int pidfd, pid_t process, int signal) noexcept {
    const int result = result_of(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
    // A policy that does not know the call. A child of ours that has not been reaped keeps its number.
    if ((result == -ENOSYS || result == -EPERM) && is_unreaped_child(pidfd)) {
        return result_of(::kill(process, signal));
    }
    return result;
}

int send_signal_to_group(int pidfd, pid_t process, int signal) noexcept {
    constexpr unsigned to_process_group = 1U << 2; // PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9
    const int result =
        result_of(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, to_process_group));
    if (result == -EINVAL || result == -ENOSYS || result == -EPERM) {
        return is_unreaped_child(pidfd) ? result_of(::kill(-process, signal)) : -ESRCH;
    }
    return result;
}

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
