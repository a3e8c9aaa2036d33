// SPDX-License-Identifier: MIT
//
// What a thread of the blocking pool does for each kind of operation.
#include "loop/pool_state.hpp"

#include <cerrno>

namespace pirn::detail {

int perform_blocking(pooled_operation& what) noexcept {
    switch (what.kind()) {
    case operation_kind::work: {
        auto& work = static_cast<work_operation&>(what);
        return work.run(work);
    }
    default: return -EINVAL; // nothing else comes here
    }
}

} // namespace pirn::detail
