// SPDX-License-Identifier: MIT
//
// Code that ends its process, run in one that may end: what it wrote to stderr, and how it ended.
#pragma once

#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace support {

struct child_end {
    int status = 0;
    std::string errors;

    bool killed_by(int signal) const { return WIFSIGNALED(status) && WTERMSIG(status) == signal; }
    bool exited_with(int code) const { return WIFEXITED(status) && WEXITSTATUS(status) == code; }
    bool said(std::string_view words) const { return errors.find(words) != std::string::npos; }
};

inline std::ostream& operator<<(std::ostream& out, const child_end& end) {
    if (WIFSIGNALED(end.status)) {
        out << "killed by signal " << WTERMSIG(end.status);
    } else {
        out << "exited with " << WEXITSTATUS(end.status);
    }
    return out << ", saying: " << end.errors;
}

// in_child: runs `code` in a fork of this process; when it returns, the child exits with 0. A child that
// hangs is ended after 30 seconds.
template <class Code>
child_end in_child(Code&& code) {
    std::array<int, 2> channel{};
    if (::pipe(channel.data()) != 0) {
        ADD_FAILURE() << "no pipe";
        return {};
    }
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(channel[1], STDERR_FILENO);
        ::close(channel[0]);
        ::close(channel[1]);
        ::alarm(30);
        code();
        std::fflush(stderr);
        ::_exit(0);
    }
    ::close(channel[1]);
    child_end end;
    std::array<char, 4096> buffer{};
    for (;;) {
        const ssize_t n = ::read(channel[0], buffer.data(), buffer.size());
        if (n <= 0) {
            break;
        }
        end.errors.append(buffer.data(), static_cast<std::size_t>(n));
    }
    ::close(channel[0]);
    ::waitpid(child, &end.status, 0);
    return end;
}

} // namespace support
