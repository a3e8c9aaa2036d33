// SPDX-License-Identifier: MIT
//
// Which backend serves a new loop.
#pragma once

#include <pirn/loop/options.hpp>

#include "loop/backend.hpp"

#include <memory>

namespace pirn::detail {

// make_backend: the backend that the options, the environment and the kernel agree on. Throws
// std::system_error for an unknown PIRN_BACKEND, and when not even epoll can be had.
std::unique_ptr<backend> make_backend(const loop_options& options, outbox& out);

} // namespace pirn::detail
