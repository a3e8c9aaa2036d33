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

// has_its_number: whether the child of this pidfd runs, or waits to be reaped.
bool has_its_number(int pidfd) noexcept {
    return ::syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0) == 0;
}

// is_refused_wait: whether the kernel does not know a wait, or a policy forbids it.
bool is_refused_wait(int result) noexcept {
    return result == -ENOSYS || result == -EPERM || result == -EINVAL;
}

// reap_by_waitpid: as reap.
int reap_by_waitpid(pid_t process, child_end& end) noexcept {
    int status = 0;
    const pid_t found = ::waitpid(process, &status, WNOHANG | __WALL);
    if (found < 0) {
        return -errno;
    }
    if (found > 0 && WIFEXITED(status)) {
        end = {CLD_EXITED, WEXITSTATUS(status)};
    } else if (found > 0) {
        end = {WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED, WTERMSIG(status)};
    }
    return found > 0 ? 1 : 0;
}

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
    if (process <= 0) {
        return -EINVAL;
    }
    const int result = wait_without_waiting(P_PID, static_cast<id_t>(process), end);
    return is_refused_wait(result) ? reap_by_waitpid(process, end) : result;
}

int reap_by_pidfd(int pidfd, pid_t process, child_end& end) noexcept {
    const int result = wait_without_waiting(P_PIDFD, static_cast<id_t>(pidfd), end);
    return is_refused_wait(result) && has_its_number(pidfd) ? reap_by_waitpid(process, end)
                                                            : result;
}

void bury(pid_t process, int pidfd) noexcept {
    siginfo_t end{};
    const idtype_t type = pidfd >= 0 ? P_PIDFD : P_PID;
    const auto id = static_cast<id_t>(pidfd >= 0 ? pidfd : process);
    const int result =
        uninterrupted([&] { return result_of(::waitid(type, id, &end, WEXITED | __WALL)); });
    if (is_refused_wait(result) && (pidfd < 0 || has_its_number(pidfd))) {
        uninterrupted([&] { return result_of(::waitpid(process, nullptr, __WALL)); });
    }
}

} // namespace pirn::os
