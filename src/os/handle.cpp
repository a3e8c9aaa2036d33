// SPDX-License-Identifier: MIT
//
// Owning a descriptor. Each one taken in or let go is counted, so that a leak shows in the account
// before it shows as EMFILE.
#include <pirn/os/handle.hpp>

#include <pirn/base/live.hpp>

#include <cerrno>

#include <unistd.h>

namespace pirn::os {

handle::handle(int descriptor) noexcept : descriptor_{descriptor < 0 ? -1 : descriptor} {
    if (descriptor_ >= 0) {
        pirn::detail::count_descriptors(1);
    }
}

handle& handle::operator=(handle&& other) noexcept {
    if (this != &other) {
        close();
        descriptor_ = std::exchange(other.descriptor_, -1);
    }
    return *this;
}

handle::~handle() { close(); }

int handle::release() noexcept {
    if (descriptor_ >= 0) {
        pirn::detail::count_descriptors(-1);
    }
    return std::exchange(descriptor_, -1);
}

int handle::close() noexcept {
    const int descriptor = release();
    if (descriptor < 0 || ::close(descriptor) == 0) {
        return 0;
    }
    // Linux has freed the number before it reports EINTR: a second close would hit whatever another
    // thread has opened under that number since. So it counts as closed.
    return errno == EINTR ? 0 : -errno;
}

} // namespace pirn::os
