// SPDX-License-Identifier: MIT
//
// A process that has run out of descriptors, for the length of a scope.
#pragma once

#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace support {

// Every descriptor that the process may have, until it is destroyed.
class no_descriptor_left {
  public:
    no_descriptor_left() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit low = before_;
        low.rlim_cur = 256;
        ::setrlimit(RLIMIT_NOFILE, &low);
        for (int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC); fd >= 0;
             fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) {
            taken_.push_back(fd);
        }
    }
    ~no_descriptor_left() {
        for (const int fd : taken_) ::close(fd);
        ::setrlimit(RLIMIT_NOFILE, &before_);
    }
    no_descriptor_left(const no_descriptor_left&) = delete;
    no_descriptor_left& operator=(const no_descriptor_left&) = delete;

  private:
    rlimit before_{};
    std::vector<int> taken_;
};

} // namespace support
