// SPDX-License-Identifier: MIT
//
// The end of an operation's life. The kernel may still write to one that is in flight, so that
// destroying it must stop the program rather than corrupt it. It never writes to the copy that a fork has
// made: that one is left behind by whoever is asked to do something with it.
#include <pirn/loop/operation.hpp>

#include <pirn/base/assert.hpp>

#include "loop/backend.hpp"

namespace pirn {

void operation::require_idle() noexcept {
    if (in_flight() && detail::left_behind(*this)) {
        detail::leave_behind(*this);
    }
    PIRN_REQUIRE(!in_flight(),
                 "an operation was destroyed in flight; cancel it and wait for its completion",
                 {"kind", static_cast<int>(kind_)}, {"state", static_cast<int>(state_)});
}

namespace detail {

void leave_behind(operation& what) noexcept {
    operation_access::forget(what);
    if (what.kind() == operation_kind::timer) {
        operation_access::forget(static_cast<timer_operation&>(what));
    } else if (is_multishot(what.kind())) {
        operation_access::forget(static_cast<multishot_operation&>(what));
    }
}

} // namespace detail
} // namespace pirn
