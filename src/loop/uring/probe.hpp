// SPDX-License-Identifier: MIT
//
// Whether this kernel knows the requests that the io_uring backend makes. The headers that we are
// compiled with tell nothing about it: they may be older than the kernel, or newer.
#pragma once

#include <liburing.h>

namespace pirn::detail {

// kernel_can_serve: every request that we make is there. Never suspends.
bool kernel_can_serve(io_uring& ring) noexcept;

} // namespace pirn::detail
