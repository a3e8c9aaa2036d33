// SPDX-License-Identifier: MIT
//
// The process calls.
#include "os/process.hpp"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <spawn.h>
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

// spawn_plan: what posix_spawn wants to know besides the names. Its functions return an errno, not a negative one.
class spawn_plan {
  public:
    spawn_plan() noexcept {
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawnattr_init(&attributes);
    }
    spawn_plan(const spawn_plan&) = delete;
    spawn_plan& operator=(const spawn_plan&) = delete;
    ~spawn_plan() {
        ::posix_spawn_file_actions_destroy(&actions);
        ::posix_spawnattr_destroy(&attributes);
    }

    int make(const spawn_request& what) noexcept;

    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};

  private:
    int descriptor(int number, int is) noexcept {
        switch (is) {
        case spawn_request::inherited: return 0;
        case spawn_request::nothing:
            return ::posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0);
        case spawn_request::as_output:
            return ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, number);
        default: return ::posix_spawn_file_actions_adddup2(&actions, is, number);
        }
    }
};

int spawn_plan::make(const spawn_request& what) noexcept {
    for (int number = 0; number <= STDERR_FILENO; ++number) {
        if (const int error = descriptor(number, what.descriptors[static_cast<unsigned>(number)])) {
            return error;
        }
    }
    if (what.directory != nullptr) {
        if (const int error = ::posix_spawn_file_actions_addchdir_np(&actions, what.directory)) {
            return error;
        }
    }
    // Also those of others that forgot to say close-on-exec.
    if (const int error = ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)) {
        return error;
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    sigset_t by_default;
    ::sigemptyset(&by_default);
    ::sigaddset(&by_default, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&attributes, &by_default);
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    flags |= what.own_group ? POSIX_SPAWN_SETPGROUP : 0;
    return ::posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
}

} // namespace

int spawn(const spawn_request& what) noexcept {
    spawn_plan plan;
    if (const int error = plan.make(what)) {
        return -error;
    }
    pid_t child = 0;
    const int error = ::posix_spawnp(&child, what.program, &plan.actions, &plan.attributes,
                                     what.arguments, what.environment);
    return error != 0 ? -error : child;
}

int send_signal(int pidfd, int signal) noexcept {
    return ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) < 0 ? -errno : 0;
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
