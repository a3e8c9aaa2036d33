// SPDX-License-Identifier: MIT
//
// Starting a program, and having its pidfd from the beginning: by its number it could not be had safely, as a program
// that ignores SIGCHLD, or waits for any child, has the number free for others at once.
//
//   shared     clone(CLONE_VM | CLONE_VFORK | CLONE_PIDFD): the child borrows our memory until it has loaded the
//              program, as vfork does, so that a large process is not copied; it says in it what went wrong
//   forked     where that is refused: clone3(CLONE_PIDFD), or else fork and pidfd_open. The child begins only when it
//              is told to, when we have its pidfd, and answers that it is alive: the pidfd is its own.
//
//     parent  fork ── pidfd_open ── go ─────────────── alive ── end of the channel: loaded, or what went wrong
//     child      └──────────────────── go ── alive ── exec
//
// Until it has loaded the program, the child has no exit signal, except after fork: only this code sees a failure,
// and no other wait takes it. exec makes SIGCHLD of it.
//
// The child calls nothing but the kernel: the C library's locks, and the sanitizers' books, are those of our threads.
#include <pirn/os/handle.hpp>

#include "base/sanitizers.hpp"
#include "base/valgrind.hpp"
#include "os/memory.hpp"
#include "os/process.hpp"
#include "os/result.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__clang__)
#define PIRN_IN_CHILD [[clang::disable_sanitizer_instrumentation]]
#else
#define PIRN_IN_CHILD                                                                              \
    [[gnu::no_sanitize_address, gnu::no_sanitize_thread, gnu::no_sanitize_undefined]]
#endif

namespace pirn::os {
namespace {

constexpr long kernel_signals = 64;
constexpr std::size_t low_byte = std::endian::native == std::endian::little ? 0 : 1; // of two
constexpr std::size_t kernel_set_size = kernel_signals / 8;                          // bytes

// plan: what the child needs, and what it reports.
struct plan {
    const spawn_request& request;
    std::vector<std::string> names; // of the program, in the order in which they are tried
    std::vector<const char*> paths; // the same, as the kernel wants them, and null
    int channel = -1;               // forked: to us
    int pidfd = -1;                 // shared: filled in before the child runs
    int error = 0;                  // positive
    spawn_step step = spawn_step::child;
};

// A report through the channel.
struct report {
    int error = 0;
    spawn_step step = spawn_step::child;
};

// find_names: as execvp does.
void find_names(plan& made) {
    const std::string_view program{made.request.program};
    if (program.find('/') != std::string_view::npos || program.empty()) {
        made.names.emplace_back(program);
    } else {
        const char* const variable = std::getenv("PATH");
        std::string_view rest = variable != nullptr ? variable : "/bin:/usr/bin";
        for (bool more = true; more;) {
            const std::size_t colon = rest.find(':');
            more = colon != std::string_view::npos;
            std::string name{rest.substr(0, colon)}; // nothing means where we are
            name += name.empty() ? "" : "/";
            made.names.push_back(name.append(program));
            rest.remove_prefix(more ? colon + 1 : rest.size());
        }
    }
    for (const std::string& name : made.names) {
        made.paths.push_back(name.c_str());
    }
    made.paths.push_back(nullptr);
}

// call: 0 or more, or a negative errno.
template <class... Arguments>
PIRN_IN_CHILD inline long call(long number, Arguments... arguments) noexcept {
    const long result = ::syscall(number, arguments...);
    return result < 0 ? -errno : result;
}

// Handlers would run on our memory once the signals are let through. What is ignored stays so, but for SIGPIPE.
PIRN_IN_CHILD void reset_signals() noexcept {
    constexpr unsigned long ignored = 1; // SIG_IGN
    // The kernel's struct sigaction, whose first word is the handler.
    unsigned long before[20];
    unsigned long by_default[20];
    for (unsigned long& word : by_default) {
        word = 0;
    }
    for (long signal = 1; signal <= kernel_signals; ++signal) {
        if (call(SYS_rt_sigaction, signal, nullptr, &before, kernel_set_size) == 0 &&
            (signal == SIGPIPE || before[0] > ignored)) {
            call(SYS_rt_sigaction, signal, &by_default, nullptr, kernel_set_size);
        }
    }
}

PIRN_IN_CHILD long make_descriptor(int number, int source) noexcept {
    if (source == spawn_request::inherited) {
        return 0;
    }
    if (source == spawn_request::nothing) {
        const long opened = call(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
        if (opened < 0 || opened == number) {
            return opened;
        }
        const long made = call(SYS_dup3, opened, number, 0);
        call(SYS_close, opened);
        return made;
    }
    const int copied = source == spawn_request::as_output ? STDOUT_FILENO : source;
    return copied == number ? 0 : call(SYS_dup3, copied, number, 0);
}

// hide_listed: those in a folder of /proc, itself among them. Entries are those of getdents64(2).
PIRN_IN_CHILD void hide_listed(long folder) noexcept {
    constexpr std::size_t length_at = 16;
    constexpr std::size_t name_at = 19;
    alignas(8) char entries[1024];
    for (;;) {
        const long filled = call(SYS_getdents64, folder, &entries, sizeof entries);
        if (filled <= 0) {
            return;
        }
        const char* entry = entries;
        while (entry < entries + filled) {
            int number = 0;
            const char* digit = entry + name_at;
            for (; *digit >= '0' && *digit <= '9'; ++digit) {
                number = number * 10 + (*digit - '0');
            }
            if (number > STDERR_FILENO) {
                call(SYS_fcntl, number, F_SETFD, FD_CLOEXEC);
            }
            const auto low = static_cast<unsigned char>(entry[length_at + low_byte]);
            const auto high = static_cast<unsigned char>(entry[length_at + 1 - low_byte]);
            entry += (high << 8) + low;
        }
    }
}

// hide_others: all descriptors but three are closed by exec, also those of others that forgot to say so.
PIRN_IN_CHILD void hide_others() noexcept {
    constexpr unsigned close_on_exec = 1U << 2; // CLOSE_RANGE_CLOEXEC, Linux 5.11
    constexpr long close_range = 436;           // Linux 5.9, on all processors
    if (call(close_range, STDERR_FILENO + 1, ~0U, close_on_exec) >= 0) {
        return;
    }
    const long folder = call(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY, 0);
    if (folder >= 0) {
        hide_listed(folder);
        return;
    }
    constexpr int end = 1 << 16; // neither is there
    for (int number = STDERR_FILENO + 1; number < end; ++number) {
        call(SYS_fcntl, number, F_SETFD, FD_CLOEXEC);
    }
}

PIRN_IN_CHILD void load_program(plan& made) noexcept {
    long error = -ENOENT;
    made.step = spawn_step::program;
    bool refused = false;
    for (const char* const* path = made.paths.data(); *path != nullptr; ++path) {
        error = call(SYS_execve, *path, made.request.arguments, made.request.environment);
        if (error == -ENOENT && call(SYS_faccessat, AT_FDCWD, *path, F_OK) == 0) {
            made.step =
                spawn_step::interpreter; // it is there, what it names in its first line is not
        }
        refused |= error == -EACCES;
        if (error != -EACCES && error != -ENOENT && error != -ENOTDIR && error != -ESTALE &&
            error != -ENODEV && error != -ETIMEDOUT && error != -ENAMETOOLONG) {
            break;
        }
    }
    made.error = static_cast<int>(refused ? EACCES : -error);
}

// become: comes back when that fails. All signals are blocked.
PIRN_IN_CHILD void become(plan& made) noexcept {
    const spawn_request& request = made.request;
    reset_signals();
    if (request.own_group) {
        call(SYS_setpgid, 0, 0);
    }
    for (int number = 0; number <= STDERR_FILENO; ++number) {
        const long error = make_descriptor(number, request.descriptors.data()[number]);
        if (error < 0) {
            made.step = spawn_step::descriptors;
            made.error = static_cast<int>(-error);
            return;
        }
    }
    if (request.directory != nullptr) {
        if (const long error = call(SYS_chdir, request.directory); error < 0) {
            made.step = spawn_step::directory;
            made.error = static_cast<int>(-error);
            return;
        }
    }
    hide_others();
    const unsigned long no_signals[kernel_set_size / sizeof(unsigned long)]{};
    call(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, nullptr, kernel_set_size);
    load_program(made);
}

[[noreturn]] PIRN_IN_CHILD void leave() noexcept {
    for (;;) {
        call(SYS_exit_group, 127);
    }
}

PIRN_IN_CHILD int shared_child(void* argument) noexcept {
    plan& made = *static_cast<plan*>(argument);
    if (made.pidfd < 0) {
        made.error = ENOSYS; // a kernel that ignores CLONE_PIDFD, before Linux 5.2
    } else {
        become(made);
    }
    leave();
}

[[noreturn]] PIRN_IN_CHILD void forked_child(plan& made) noexcept {
    char byte = 0;
    if (call(SYS_read, made.channel, &byte, std::size_t{1}) == 1 &&
        call(SYS_write, made.channel, &byte, std::size_t{1}) == 1) {
        become(made);
        const report said{made.error, made.step};
        call(SYS_write, made.channel, &said, sizeof said);
    }
    leave();
}

// no_signals: while it lives, none comes in this thread, nor in the child.
class no_signals {
  public:
    no_signals() noexcept {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    no_signals(const no_signals&) = delete;
    no_signals& operator=(const no_signals&) = delete;
    ~no_signals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  private:
    sigset_t before_{};
};

// stack_for_child: the memory on which a child that shares ours runs.
class stack_for_child {
  public:
    stack_for_child() noexcept
        : base_{::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)} {}
    stack_for_child(const stack_for_child&) = delete;
    stack_for_child& operator=(const stack_for_child&) = delete;
    ~stack_for_child() {
        if (valid()) {
            drop_memory({static_cast<std::byte*>(base_), size});
        }
    }
    bool valid() const noexcept { return base_ != MAP_FAILED; }
    void* top() const noexcept { return static_cast<std::byte*>(base_) + size; }

  private:
    static constexpr std::size_t size = std::size_t{64} * 1024;
    void* base_;
};

spawned outcome(const plan& made, pid_t process, int pidfd) noexcept {
    if (made.error == 0) {
        return {.process = process, .pidfd = pidfd};
    }
    bury(process, pidfd);
    const handle closed{pidfd};
    return {.error = -made.error, .step = made.step};
}

// is_refusal: whether the kernel does not know a way, or is not allowed to; as opposed to being short of something.
bool is_refusal(int error) noexcept { return error != -EAGAIN && error != -ENOMEM; }

spawned spawn_shared(plan& made) noexcept {
    if (pirn::detail::under_thread_sanitizer() || pirn::detail::under_valgrind()) {
        return {.error = -ENOSYS}; // neither runs a child in our memory
    }
    const stack_for_child stack;
    if (!stack.valid()) return {.error = -ENOMEM};
    const pid_t child = ::clone(&shared_child, stack.top(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD,
                                &made, &made.pidfd);
    if (child < 0) return {.error = -errno};
    return outcome(made, child, made.pidfd);
}

// fork_child: 0 in the child. Its pidfd is there if the kernel gives it along.
pid_t fork_child(int& pidfd) noexcept {
    if (pirn::detail::under_valgrind()) { // it knows neither clone3 nor pidfd_open
        return static_cast<pid_t>(call(SYS_clone, CLONE_PIDFD | SIGCHLD, 0L, &pidfd, 0L, 0L));
    }
    clone_args arguments{};
    arguments.flags = CLONE_PIDFD;
    arguments.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
    const auto child =
        static_cast<pid_t>(::syscall(SYS_clone3, &arguments, std::size_t{CLONE_ARGS_SIZE_VER0}));
    return child >= 0 || !is_refusal(-errno) ? child : ::fork();
}

spawned spawn_forked(plan& made) noexcept {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return {.error = -errno};
    }
    handle ours{ends[0]};
    handle childs{ends[1]};
    childs = handle{
        ::fcntl(childs.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1)}; // above the child's own three
    if (!childs) return {.error = -errno};
    made.channel = childs.get();
    int pidfd = -1;
    const pid_t child = fork_child(pidfd);
    if (child == 0) {
        call(SYS_close, ours.get());
        forked_child(made);
    }
    if (child < 0) return {.error = -errno};
    childs.close();
    if (pidfd < 0) {
        pidfd = open_process(child);
        if (pidfd < 0) {
            ours.close(); // which tells it to leave
            bury(child, -1);
            return {.error = pidfd};
        }
    }
    char byte = 'g';
    const auto receive = [&ours](void* into, std::size_t size) {
        return uninterrupted([&] { return result_of(::recv(ours.get(), into, size, 0)); });
    };
    ::send(ours.get(), &byte, 1, MSG_NOSIGNAL);
    if (receive(&byte, 1) != 1) { // it was killed, and the pidfd may be of another process
        const handle closed{pidfd};
        return {.error = -ECHILD};
    }
    report said;
    if (receive(&said, sizeof said) == static_cast<int>(sizeof said)) {
        made.error = said.error;
        made.step = said.step;
    }
    return outcome(made, child, pidfd);
}

} // namespace

spawned spawn(const spawn_request& request) {
    plan made{.request = request, .names = {}, .paths = {}};
    find_names(made);
    const no_signals quiet;
    spawned result = spawn_shared(made);
    if (result.error < 0 && result.step == spawn_step::child && is_refusal(result.error)) {
        made.error = 0;
        result = spawn_forked(made);
    }
    return result;
}

} // namespace pirn::os
