// SPDX-License-Identifier: MIT
//
// Waiting for a child. Not by IORING_OP_WAITID where the kernel has it: that would spare a descriptor
// on some kernels, at the price of a second way to do what this one does.
#include "loop/child.hpp"

#include "loop/backend.hpp"
#include "os/process.hpp"

namespace pirn::detail {

std::optional<int> ask_child(child_operation& what) noexcept {
    os::handle& pidfd = operation_access::pidfd(what);
    os::child_end end;
    int found = pidfd ? os::reap_by_pidfd(pidfd.get(), what.pid, end) : os::reap(what.pid, end);
    if (found == 0 && !pidfd) {
        found = os::open_process(what.pid);
        pidfd = os::handle{found};
        if (pidfd) {
            return std::nullopt;
        }
    } else if (found == 0) {
        return std::nullopt;
    }
    if (found < 0) {
        return found;
    }
    what.code = end.code;
    what.status = end.status;
    return 0;
}

} // namespace pirn::detail
