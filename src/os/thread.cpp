// SPDX-License-Identifier: MIT
//
// Names of threads.
#include "os/thread.hpp"

#include <array>
#include <cstdio>

#include <pthread.h>

namespace pirn::os {

void name_this_thread(const char* name) noexcept {
    std::array<char, 16> cut{};
    std::snprintf(cut.data(), cut.size(), "%s", name);
    ::pthread_setname_np(::pthread_self(), cut.data());
}

} // namespace pirn::os
