// SPDX-License-Identifier: MIT
//
// The exception of a timeout.
#include <pirn/scope/timeout.hpp>

namespace pirn {

timed_out::timed_out() : system_error{std::make_error_code(std::errc::timed_out)} {}

} // namespace pirn
