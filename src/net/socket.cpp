// SPDX-License-Identifier: MIT
//
// The life of a socket on a loop, and the order in which it ends:
//
//   close:  cancel what is in flight ► wait until it has ended ► tell the loop ► close the descriptor
//
// so that neither a late completion nor a forgotten registration can meet the number's next owner.
#include <pirn/net/socket.hpp>

#include <pirn/loop/loop.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/runtime/runtime.hpp>

#include <optional>
#include <utility>

namespace pirn::net::detail {

using pirn::detail::holding;

socket::socket(os::handle&& owned, loop& used_on) noexcept
    : handle_{std::move(owned)}, loop_{&used_on} {
    // The number may have been another socket's before, one that was closed behind the loop's back.
    used_on.release(descriptor());
}

socket& socket::operator=(socket&& other) noexcept {
    if (this != &other) {
        PIRN_REQUIRE(!other.busy(), "a stream was moved while an operation is in flight on it");
        close();
        handle_ = std::move(other.handle_);
        loop_ = std::exchange(other.loop_, nullptr);
        used_ = std::exchange(other.used_, false);
        closed_.store(other.closed(), std::memory_order_relaxed);
        other.closed_.store(false, std::memory_order_relaxed);
    }
    return *this;
}

// On the loop's thread. What is in flight stays where it is while its slot is set.
void socket::cancel_all_on(loop& here) noexcept {
    const holding held{guard_};
    if (reading_ != nullptr) {
        here.cancel(*reading_);
    }
    if (writing_ != nullptr) {
        here.cancel(*writing_);
    }
}

void socket::close() noexcept {
    if (!is_open()) {
        return;
    }
    loop* const here = current_loop_or_null();
    std::optional<waiter> ended;
    {
        const holding held{guard_};
        closed_.store(true, std::memory_order_release);
        if (busy()) {
            PIRN_REQUIRE(closer_ == nullptr, "a stream was closed by two tasks at once");
            closer_ = &ended.emplace();
        }
    }
    if (ended) {
        if (here == loop_) {
            cancel_all_on(*loop_);
        } else {
            pirn::detail::call_elsewhere(*loop_, [this]() noexcept { cancel_all_on(*loop_); });
        }
        park(*ended);
    }
    // After its runtime has ended, a stream has no loop to tell any more.
    if (here == loop_) {
        loop_->release(descriptor());
    } else if (used_) {
        pirn::detail::call_elsewhere(*loop_, [this]() noexcept { loop_->release(descriptor()); });
    }
    handle_.close();
}

socket::in_use::in_use(socket& of, direction side, operation& what, loop& here) noexcept
    : socket_{of}, slot_{side == direction::reading ? of.reading_ : of.writing_} {
    PIRN_REQUIRE(of.is_open(), "an operation was started on a stream that is not open");
    const holding held{of.guard_};
    if (PIRN_UNLIKELY(of.loop_ != &here && !of.used_)) {
        here.release(of.descriptor()); // the number may have been another's before
        of.loop_ = &here;
    }
    of.used_ = true;
    loop_ = of.loop_;
    PIRN_REQUIRE(slot_ == nullptr,
                 side == direction::reading
                     ? "two tasks read from the same stream at once; let one of them do it"
                     : "two tasks write to the same stream at once; let one of them do it",
                 {"descriptor", of.descriptor()});
    slot_ = &what;
}

socket::in_use::~in_use() {
    const holding held{socket_.guard_};
    slot_ = nullptr;
    if (socket_.closer_ != nullptr && !socket_.busy()) {
        unpark(*std::exchange(socket_.closer_, nullptr));
    }
}

} // namespace pirn::net::detail
