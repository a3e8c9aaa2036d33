// SPDX-License-Identifier: MIT
//
// The order in which functions have ended, and the wait for the next one.
#include <pirn/scope/as_completed.hpp>

#include <pirn/base/error.hpp>

namespace pirn::detail {

struct completion_order::waiting : waiter {
    explicit waiting(completion_order& which) noexcept : waiter{&stop}, of{which} {
        static constexpr wait_kind in_words{"the next of several functions to end"};
        kind = &in_words;
    }
    static void stop(waiter& on) noexcept {
        auto& self = static_cast<waiting&>(on);
        {
            const holding held{self.of.guard_, tree_shared()};
            if (self.of.asks_ != &self) {
                return; // settled: the unpark is on its way
            }
            self.of.asks_ = nullptr;
        }
        unpark(self);
    }
    completion_order& of;
};

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
        waiting here{*this};
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
