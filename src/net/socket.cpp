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

namespace pirn::net::detail {

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
        closed_ = std::exchange(other.closed_, false);
    }
    return *this;
}

void socket::close() noexcept {
    if (!is_open()) {
        return;
    }
    closed_ = true;
    if (busy()) {
        PIRN_REQUIRE(closer_ == nullptr, "a stream was closed by two tasks at once");
        waiter ended;
        closer_ = &ended;
        if (reading_ != nullptr) {
            loop_->cancel(*reading_);
        }
        if (writing_ != nullptr) {
            loop_->cancel(*writing_);
        }
        park(ended);
        closer_ = nullptr;
    }
    // After its runtime has ended, a stream has no loop to tell any more.
    if (current_loop_or_null() == loop_) {
        loop_->release(descriptor());
    }
    handle_.close();
}

socket::in_use::in_use(socket& of, direction side, operation& what, const loop& here) noexcept
    : socket_{of}, slot_{side == direction::reading ? of.reading_ : of.writing_} {
    PIRN_REQUIRE(of.is_open(), "an operation was started on a stream that is not open");
    PIRN_REQUIRE(of.loop_ == &here,
                 "a stream was used on another runtime than the one that it was made on",
                 {"descriptor", of.descriptor()});
    PIRN_REQUIRE(slot_ == nullptr,
                 side == direction::reading
                     ? "two tasks read from the same stream at once; let one of them do it"
                     : "two tasks write to the same stream at once; let one of them do it",
                 {"descriptor", of.descriptor()});
    slot_ = &what;
}

socket::in_use::~in_use() {
    slot_ = nullptr;
    if (socket_.closer_ != nullptr && !socket_.busy()) {
        unpark(*socket_.closer_);
    }
}

} // namespace pirn::net::detail
