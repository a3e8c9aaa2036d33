// SPDX-License-Identifier: MIT
//
// Whether this process has one thread and no more: then an atomic exchange, which costs more than all the
// rest of a short critical section, can be a plain load and store. The C library knows (glibc 2.32 and
// later); where it does not say, the answer is always no.
//
// This is not API. It is installed because locks are inlined.
#pragma once

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define PIRN_KNOWS_SINGLE_THREAD 1
#else
#define PIRN_KNOWS_SINGLE_THREAD 0
#endif

namespace pirn::detail {

// only_thread: true only if no other thread of the C library exists; the answer holds until the caller
// creates one. Creating a thread, and joining it, order memory: what was written plainly before is seen.
// Never suspends.
inline bool only_thread() noexcept {
#if PIRN_KNOWS_SINGLE_THREAD
    return __libc_single_threaded != 0;
#else
    return false;
#endif
}

} // namespace pirn::detail
