// SPDX-License-Identifier: MIT
//
// Which backend serves a new loop: the environment speaks before the program, because whoever runs a
// program knows where it runs; and epoll stands in for an io_uring that cannot be had, because
// containers commonly refuse it and a server should serve.
#include "loop/select.hpp"

#include <pirn/base/error.hpp>

#include "base/valgrind.hpp"
#include "loop/epoll/epoll.hpp"
#if PIRN_HAVE_URING
#include "loop/uring/uring.hpp"
#endif

#include <cstdlib>
#include <string_view>
#include <system_error>

namespace pirn::detail {
namespace {

backend_kind wanted(const loop_options& options) {
    const char* const variable = std::getenv("PIRN_BACKEND");
    const std::string_view value = variable == nullptr ? "" : variable;
    if (value.empty()) {
        // The kernel writes io_uring's results without a system call, so memcheck takes them for undefined.
        return options.backend == backend_kind::automatic && under_valgrind() ? backend_kind::epoll
                                                                              : options.backend;
    }
    if (value == "uring") {
        return backend_kind::uring;
    }
    if (value == "epoll") {
        return backend_kind::epoll;
    }
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "PIRN_BACKEND may be uring or epoll");
}

} // namespace

std::unique_ptr<backend> make_backend(const loop_options& options, outbox& out) {
#if PIRN_HAVE_URING
    if (wanted(options) != backend_kind::epoll) {
        try {
            return std::make_unique<uring_backend>(options, out);
        } catch (const std::system_error&) {
            // ENOSYS, EPERM, ENOMEM, EMFILE, an old kernel: loop::backend_name tells who serves.
        }
    }
#else
    static_cast<void>(wanted(options)); // a wrong value is refused here too
#endif
    return std::make_unique<epoll_backend>(out);
}

} // namespace pirn::detail
