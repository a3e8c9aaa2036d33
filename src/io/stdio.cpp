// SPDX-License-Identifier: MIT
//
// The standard streams.
#include <pirn/io/stdio.hpp>

#include <pirn/base/error.hpp>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace pirn::io {
namespace {

descriptor_stream copy_of(int descriptor, const char* name) {
    // Above 2, so that closed standard streams stay closed.
    os::handle copy{::fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
    if (!copy) {
        throw_errno(name);
    }
    return descriptor_stream{std::move(copy), sharing::shared};
}

} // namespace

descriptor_stream standard_input() { return copy_of(STDIN_FILENO, "standard_input"); }
descriptor_stream standard_output() { return copy_of(STDOUT_FILENO, "standard_output"); }
descriptor_stream standard_error() { return copy_of(STDERR_FILENO, "standard_error"); }

bool is_terminal(int descriptor) noexcept { return ::isatty(descriptor) == 1; }

std::optional<terminal_size> size_of_terminal(int descriptor) noexcept {
    winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return {};
    }
    return terminal_size{size.ws_col, size.ws_row};
}

} // namespace pirn::io
