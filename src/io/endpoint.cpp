// SPDX-License-Identifier: MIT
//
// The life of a descriptor on a loop.
#include <pirn/io/endpoint.hpp>

#include <pirn/loop/loop.hpp>

#include <optional>

namespace pirn::io::detail {

using pirn::detail::holding;

endpoint::endpoint(os::handle&& owned, loop& used_on) noexcept
    : handle_{std::move(owned)}, number_{handle_.get()}, loop_{&used_on} {
    // The number may have been another's before, one that was closed behind the loop's back.
    used_on.release(descriptor());
}

endpoint::endpoint(endpoint&& other) noexcept
    : handle_{std::move(other.handle_)}, number_{handle_.get()},
      loop_{std::exchange(other.loop_, nullptr)}, used_{std::exchange(other.used_, false)},
      closed_{other.closed()} {
    other.number_.store(-1, std::memory_order_relaxed);
    other.closed_.store(false, std::memory_order_relaxed);
    PIRN_REQUIRE(!other.busy(), "a stream was moved while an operation is in flight on it");
}

endpoint& endpoint::operator=(endpoint&& other) noexcept {
    if (this != &other) {
        PIRN_REQUIRE(!other.busy(), "a stream was moved while an operation is in flight on it");
        close();
        handle_ = std::move(other.handle_);
        number_.store(handle_.get(), std::memory_order_relaxed);
        other.number_.store(-1, std::memory_order_relaxed);
        loop_ = std::exchange(other.loop_, nullptr);
        used_ = std::exchange(other.used_, false);
        closed_.store(other.closed(), std::memory_order_relaxed);
        other.closed_.store(false, std::memory_order_relaxed);
    }
    return *this;
}

// On the loop's thread. What is in flight stays where it is as long as it is noted here.
void endpoint::cancel_all() noexcept {
    const holding held{guard_};
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

// The same for the write alone.
void endpoint::cancel_writing() noexcept {
    const holding held{guard_};
    if (writing_ != nullptr) {
        loop_->cancel(*writing_);
    }
}

void endpoint::end_writing(bool may_suspend) noexcept {
    bool elsewhere = false;
    {
        const holding held{guard_};
        if (writing_ == nullptr) {
            return;
        }
        elsewhere = current_loop_or_null() != loop_;
    }
    if (!elsewhere) {
        cancel_writing();
    } else if (may_suspend) {
        pirn::detail::call_elsewhere(*loop_, [this]() noexcept { cancel_writing(); });
    }
}

// After its runtime has ended, a stream has no loop to tell any more.
void endpoint::release() noexcept {
    if (current_loop_or_null() == loop_) {
        loop_->release(descriptor());
    } else if (used_) {
        pirn::detail::call_elsewhere(*loop_, [this]() noexcept { loop_->release(descriptor()); });
    }
}

int endpoint::close() noexcept {
    if (!is_open()) {
        return 0;
    }
    std::optional<waiter> ended;
    {
        const holding held{guard_};
        PIRN_REQUIRE(closer_ == nullptr, "a stream was closed by two tasks at once");
        if (closed()) {
            return 0; // somebody is at it, on another thread
        }
        closed_.store(true, std::memory_order_release);
        if (busy()) {
            closer_ = &ended.emplace();
        }
    }
    if (ended) {
        if (current_loop_or_null() == loop_) {
            cancel_all();
        } else {
            pirn::detail::call_elsewhere(*loop_, [this]() noexcept { cancel_all(); });
        }
        park(*ended);
    }
    release();
    number_.store(-1, std::memory_order_relaxed);
    return handle_.close();
}

bool endpoint::is_elsewhere(const loop& here) noexcept {
    const holding held{guard_};
    return used_ && loop_ != &here;
}

os::handle endpoint::give_away() noexcept {
    PIRN_REQUIRE(!busy(),
                 "a stream gives its descriptor away while an operation is in flight on it");
    if (is_open()) {
        release();
    }
    number_.store(-1, std::memory_order_relaxed);
    return std::move(handle_);
}

int refuse(int error) noexcept {
    pirn::detail::give_way();
    return error;
}

endpoint::in_use::in_use(endpoint& of, direction side, operation& what, loop& here)
    : endpoint_{of}, what_{what}, side_{side} {
    const holding held{of.guard_};
    if (of.closed()) {
        refused_ = true; // by another thread, just now
        loop_ = &here;
        return;
    }
    PIRN_REQUIRE(of.is_open(), "an operation was started on a stream that is not open");
    if (PIRN_UNLIKELY(of.loop_ != &here && !of.used_)) {
        here.release(of.descriptor()); // the number may have been another's before
        of.loop_ = &here;
    }
    loop_ = of.loop_;
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
    of.used_ = true;
}

endpoint::in_use::~in_use() {
    if (refused_) {
        return;
    }
    const holding held{endpoint_.guard_};
    switch (side_) {
    case direction::reading: endpoint_.reading_ = nullptr; break;
    case direction::writing: endpoint_.writing_ = nullptr; break;
    case direction::other: endpoint_.others_.erase(*this); break;
    }
    if (endpoint_.closer_ != nullptr && !endpoint_.busy()) {
        unpark(*std::exchange(endpoint_.closer_, nullptr));
    }
}

} // namespace pirn::io::detail
