// SPDX-License-Identifier: MIT
//
// The end of an operation's life. The kernel may still write to one that is in flight, so that
// destroying it must stop the program rather than corrupt it.
#include <pirn/loop/operation.hpp>

#include <pirn/base/assert.hpp>

namespace pirn {

void operation::require_idle() const noexcept {
    PIRN_REQUIRE(!in_flight(),
                 "an operation was destroyed in flight; cancel it and wait for its completion",
                 {"kind", static_cast<int>(kind_)}, {"state", static_cast<int>(state_)});
}

} // namespace pirn
