// SPDX-License-Identifier: MIT
//
// The life of a descriptor on a loop.
#include <pirn/io/endpoint.hpp>

#include <pirn/loop/loop.hpp>

namespace pirn::io::detail {

endpoint::endpoint(os::handle&& owned, loop& used_on) noexcept
    : handle_{std::move(owned)}, loop_{&used_on} {
    // The number may have been another's before, one that was closed behind the loop's back.
    used_on.release(descriptor());
}

endpoint::endpoint(endpoint&& other) noexcept
    : handle_{std::move(other.handle_)}, loop_{std::exchange(other.loop_, nullptr)},
      closed_{std::exchange(other.closed_, false)} {
    PIRN_REQUIRE(!other.busy(), "a stream was moved while an operation is in flight on it");
}

endpoint& endpoint::operator=(endpoint&& other) noexcept {
    if (this != &other) {
        PIRN_REQUIRE(!other.busy(), "a stream was moved while an operation is in flight on it");
        close();
        handle_ = std::move(other.handle_);
        loop_ = std::exchange(other.loop_, nullptr);
        closed_ = std::exchange(other.closed_, false);
    }
    return *this;
}

void endpoint::cancel_all() noexcept {
    if (reading_ != nullptr) {
        loop_->cancel(*reading_);
    }
    if (writing_ != nullptr) {
        loop_->cancel(*writing_);
    }
    for (in_use* each = others_.front(); each != nullptr; each = others_.next(*each)) {
        loop_->cancel(each->what_);
    }
}

int endpoint::close() noexcept {
    if (!is_open()) {
        return 0;
    }
    closed_ = true;
    if (busy()) {
        PIRN_REQUIRE(closer_ == nullptr, "a stream was closed by two tasks at once");
        waiter ended;
        closer_ = &ended;
        cancel_all();
        park(ended);
        closer_ = nullptr;
    }
    // After its runtime has ended, a stream has no loop to tell any more.
    if (current_loop_or_null() == loop_) {
        loop_->release(descriptor());
    }
    return handle_.close();
}

os::handle endpoint::give_away() noexcept {
    PIRN_REQUIRE(!busy(),
                 "a stream gives its descriptor away while an operation is in flight on it");
    if (current_loop_or_null() == loop_ && is_open()) {
        loop_->release(descriptor());
    }
    return std::move(handle_);
}

endpoint::in_use::in_use(endpoint& of, direction side, operation& what, const loop& here)
    : endpoint_{of}, what_{what}, side_{side} {
    PIRN_REQUIRE(of.is_open(), "an operation was started on a stream that is not open");
    PIRN_REQUIRE(of.loop_ == &here,
                 "a stream was used on another runtime than the one that it was made on",
                 {"descriptor", of.descriptor()});
    switch (side) {
    case direction::reading:
        PIRN_REQUIRE(of.reading_ == nullptr,
                     "two tasks read from the same stream at once; let one of them do it",
                     {"descriptor", of.descriptor()});
        of.reading_ = &what;
        break;
    case direction::writing:
        PIRN_REQUIRE(of.writing_ == nullptr,
                     "two tasks write to the same stream at once; let one of them do it",
                     {"descriptor", of.descriptor()});
        of.writing_ = &what;
        break;
    case direction::other: of.others_.push_back(*this); break;
    }
}

endpoint::in_use::~in_use() {
    switch (side_) {
    case direction::reading: endpoint_.reading_ = nullptr; break;
    case direction::writing: endpoint_.writing_ = nullptr; break;
    case direction::other: endpoint_.others_.erase(*this); break;
    }
    if (endpoint_.closer_ != nullptr && !endpoint_.busy()) {
        unpark(*endpoint_.closer_);
    }
}

} // namespace pirn::io::detail
