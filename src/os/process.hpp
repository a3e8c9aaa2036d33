// SPDX-License-Identifier: MIT
//
// The process calls of the kernel, thinly: zero or more on success and a negative errno otherwise.
#pragma once

#include <array>
#include <cstdint>

#include <sys/types.h>

namespace pirn::os {

// spawn_request: which program, and what it finds. Everything is the caller's.
struct spawn_request {
    // What a descriptor 0 to 2 of the child is, if not a copy of one of ours, which is then above 2.
    static constexpr int inherited = -1;
    static constexpr int nothing = -2;   // /dev/null
    static constexpr int as_output = -3; // the same as descriptor 1

    const char* program = nullptr; // looked for in PATH if there is no slash in it
    char* const* arguments = nullptr;
    char* const* environment = nullptr;
    const char* directory = nullptr; // null: ours
    std::array<int, 3> descriptors{inherited, inherited, inherited};
    bool own_group = false; // a process group of its own, with its number
};

// spawn_step: what a start was at when it failed.
enum class spawn_step : std::uint8_t { child, descriptors, directory, program, interpreter };

// spawned: a new child, and its pidfd (close-on-exec); or a negative errno, and where it comes from.
struct spawned {
    int error = 0;
    spawn_step step = spawn_step::child;
    pid_t process = 0;
    int pidfd = -1;
};

// spawn: starts a program; one that cannot be run is an error here, and no child. The child has no descriptor but those
// three, blocks no signal, and SIGPIPE does in it what it does by default. The pidfd is the child's own whatever the
// program does with SIGCHLD, and whichever of its threads waits for children. Suspends the thread until the program
// has been loaded. May throw std::bad_alloc.
spawned spawn(const spawn_request& request);

// send_signal: to the process of a pidfd, and never to another one that got its number. `process` is that number.
// Never suspends.
int send_signal(int pidfd, pid_t process, int signal) noexcept;

// send_signal_to_group: to the process group that the process has made. Never suspends.
int send_signal_to_group(int pidfd, pid_t process, int signal) noexcept;

// child_end: how a child has ended, as waitid(2) says it.
struct child_end {
    int code = 0;
    int status = 0;
};

// open_process: a pidfd, readable once the process has ended; close-on-exec. Never suspends.
int open_process(pid_t process) noexcept;

// reap: 1 and how it has ended, which reaps it; 0 while it runs; -ECHILD when it is no child. By number,
// or by pidfd, which cannot mean another process that got the number meanwhile. Never suspend.
// Where a policy refuses waitid, waitpid takes its place as long as the child has its number.
int reap(pid_t process, child_end& end) noexcept;
int reap_by_pidfd(int pidfd, pid_t process, child_end& end) noexcept;

// bury: waits for a child that has not become what it was to be, and reaps it: by its number only where no other code
// can have reaped it. A pidfd below 0 is none. Blocks.
void bury(pid_t process, int pidfd) noexcept;

} // namespace pirn::os
