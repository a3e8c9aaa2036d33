// SPDX-License-Identifier: MIT
//
// The order in which functions have ended, and the wait for the next one.
#include <pirn/scope/as_completed.hpp>

#include <pirn/base/error.hpp>

#include "scope/slot_wait.hpp"

namespace pirn::detail {

namespace {

constexpr wait_kind for_next_result{"the next of several functions to end"};

} // namespace

void completion_order::settle(std::size_t index) noexcept {
    const holding held{guard_, tree_shared()};
    ended_.push_back(index);
    if (asks_ != nullptr) {
        unpark(*std::exchange(asks_, nullptr));
    }
}

bool completion_order::next(std::size_t& index) {
    if (left_ == 0) {
        return false;
    }
    check_stop();
    for (;;) {
        slot_wait here{guard_, asks_, for_next_result, true};
        {
            const holding held{guard_, tree_shared()};
            if (given_ < ended_.size()) {
                index = ended_[given_++];
                --left_;
                return true;
            }
            asks_ = &here;
        }
        park(here);
        throw_if_stopped();
    }
}

} // namespace pirn::detail
