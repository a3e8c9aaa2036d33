// SPDX-License-Identifier: MIT
//
// On which thread a task is.
#pragma once

#include <pirn/base/config.hpp>

#include <thread>

namespace support {

// thread_now: compilers know that a thread's id does not change, and ask once for a whole function: not here.
PIRN_NOINLINE inline std::thread::id thread_now() {
    asm volatile("");
    return std::this_thread::get_id();
}

} // namespace support
