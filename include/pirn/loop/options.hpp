// SPDX-License-Identifier: MIT
//
// How an event loop may be made.
#pragma once

#include <cstdint>
#include <memory>

namespace pirn {

class blocking_pool;
class test_clock;

// backend_kind: who asks the kernel. `automatic` is io_uring where the kernel grants it and epoll
// where it does not; `uring` is a wish and falls back to epoll in the same silent way, because
// containers commonly refuse io_uring and a server should serve. loop::backend_name tells.
enum class backend_kind : std::uint8_t { automatic, uring, epoll };

struct loop_options {
    // The environment variable PIRN_BACKEND=uring|epoll overrides this, because whoever runs a program
    // knows where it runs. Empty is unset; any other value is refused with std::system_error
    // (invalid_argument). Automatic is io_uring where the kernel has it; epoll under valgrind.
    backend_kind backend = backend_kind::automatic;

    // Slots of the submission queue, rounded up to a power of two. More operations than that may be
    // in flight; this many are handed to the kernel at a time. 1 to 4096.
    unsigned submission_slots = 256;

    // The threads for what the kernel cannot do without waiting (files, names, a work_operation), shared by all loops
    // that name the same pool. Null: the loop makes one of its own, whose threads come with the first such operation.
    std::shared_ptr<blocking_pool> pool = nullptr;

    // The threads for pirn::blocking, in the same way. A pool apart, so that calls of the program's own that take long
    // hold up neither files nor names. Naming one pool for both is allowed, and puts them in one queue again.
    std::shared_ptr<blocking_pool> calls = nullptr;

    // Places for completions that the loop has not looked at yet; 0 is 16 for each slot of the submission queue.
    // Rounded up to a power of two, and to no fewer than those slots. What does not fit is kept by the kernel,
    // which costs a detour. io_uring only. 0 to 65536.
    unsigned completion_slots = 0;

    // Says what time it is, instead of the monotonic clock; for tests. It outlives the loop.
    test_clock* time = nullptr;
};

} // namespace pirn
