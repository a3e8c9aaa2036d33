// SPDX-License-Identifier: MIT
//
// A kernel that refuses: system calls that fail from now on, in this thread and its children, for
// good. To be used in a child process (support/child.hpp). It is what a container's policy does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

namespace support {

inline constexpr std::uint32_t die = SECCOMP_RET_KILL_PROCESS;

inline std::uint32_t fail_with(int error) {
    return SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(error) & SECCOMP_RET_DATA);
}

namespace detail {

// filter_of: for these system calls the answer, and for all others that they are made.
inline std::vector<sock_filter> filter_of(std::initializer_list<long> system_calls,
                                          std::uint32_t answer) {
    std::vector<sock_filter> program;
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    for (const long number : system_calls) {
        program.push_back(
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, answer));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    return program;
}

} // namespace detail

// forbid: false when this kernel does not let us.
inline bool forbid(std::initializer_list<long> system_calls, std::uint32_t answer) {
    std::vector<sock_filter> program = detail::filter_of(system_calls, answer);
    sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

} // namespace support
