// SPDX-License-Identifier: MIT
//
// Whether this process is still the one that made a thing: a fork copies all memory, but neither threads nor
// the right to what the kernel keeps for the parent. A thing that cannot live in a child remembers the generation
// in which it was made.
//
//   process     generation          fork          child: generation + 1          fork          …
//
// Seen are forks through the C library (fork, daemon, system's own). vfork and posix_spawn run nothing
// of ours in the child; a bare clone(2) or _Fork is not seen.
//
// Shared state: the generation, raised by the only thread of a child before fork returns there; the list of what was
// left, under a mutex.
#pragma once

#include <atomic>

namespace pirn::os {

namespace detail {
extern std::atomic<unsigned> generation;
}

// watch_forks: from now on forks are counted. Throws std::bad_alloc. Thread-safe. Never suspends.
void watch_forks();

// fork_generation: another number in a child than in its parent. Thread-safe, and safe in a signal handler.
// Never suspends.
inline unsigned fork_generation() noexcept {
    // relaxed: a fork is seen by the one thread that comes out of it.
    return detail::generation.load(std::memory_order_relaxed);
}

// leave_for_good: what a child can neither use nor destroy: kept within reach to the end of the process, so that
// it is no leak. Thread-safe. Never suspends.
void leave_for_good(void* what) noexcept;

} // namespace pirn::os
