// SPDX-License-Identifier: MIT
//
// Runtimes on epoll, whatever the environment says.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace support {

// by_epoll: for the length of a scope, runtimes are on epoll, where what they ask of the kernel are system calls that
// a test can answer (support/answering.hpp).
class by_epoll {
  public:
    by_epoll() {
        if (const char* const was = std::getenv("PIRN_BACKEND")) {
            before_ = was;
        }
        ::setenv("PIRN_BACKEND", "epoll", 1);
    }
    ~by_epoll() {
        if (before_) {
            ::setenv("PIRN_BACKEND", before_->c_str(), 1);
        } else {
            ::unsetenv("PIRN_BACKEND");
        }
    }
    by_epoll(const by_epoll&) = delete;
    by_epoll& operator=(const by_epoll&) = delete;

  private:
    std::optional<std::string> before_;
};

} // namespace support
