// SPDX-License-Identifier: MIT
//
// The account of a server.
#include "net/open_connections.hpp"

#include "net/progress.hpp"

namespace pirn::net::detail {

using pirn::detail::holding;

// ---- one connection

open_connection::open_connection(std::shared_ptr<open_connections> account, stream_socket& stream)
    : account_{std::move(account)}, stream_{&stream}, moved_{bytes_moved(stream)}, since_{now()} {}

void open_connection::follow(stream_socket& stream) noexcept {
    const holding held{guard_};
    stream_ = &stream;
}

void open_connection::leave() noexcept {
    const holding held{guard_};
    stream_ = nullptr;
}

void open_connection::closed() noexcept {
    std::shared_ptr<open_connection> entry;
    {
        const holding held{account_->guard_};
        if (self_ == nullptr) {
            return;
        }
        entry = std::move(self_);
        account_->list_.erase(*this);
        if (--account_->size_ == 0) {
            account_->none_open_
                .set(); // under the guard: in the order in which connections come and go
        }
    }
    account_->places.release();
}

// ---- all of them

void open_connections::enter(stream_socket& stream) {
    auto entry = std::make_shared<open_connection>(shared_from_this(), stream);
    stream.account_ = entry;
    const holding held{guard_};
    list_.push_back(*entry);
    entry->self_ = entry;
    if (size_++ == 0) {
        none_open_.reset();
    }
}

std::size_t open_connections::size() const noexcept {
    const holding held{guard_};
    return size_;
}

// The first goes to the end, so that no place in the list is remembered while its guard is not held.
template <class Function>
void open_connections::visit(std::size_t count, Function function) noexcept {
    for (; count > 0; --count) {
        std::shared_ptr<open_connection> entry;
        {
            const holding held{guard_};
            open_connection* const first = list_.pop_front();
            if (first == nullptr) {
                return;
            }
            list_.push_back(*first);
            entry = first->self_;
        }
        const holding held{entry->guard_};
        if (entry->stream_ != nullptr && entry->stream_->is_open()) {
            function(*entry, *entry->stream_);
        }
    }
}

void open_connections::shut_silent(std::size_t count, duration silence,
                                   shutdown_side side) noexcept {
    const time_point now = pirn::now();
    visit(count, [&](open_connection& entry, stream_socket& stream) {
        if (entry.was_shut_) {
            return;
        }
        const std::uint64_t moved = bytes_moved(stream);
        const bool unread = side == shutdown_side::read && has_unread(stream.native_handle());
        if (moved != entry.moved_ || unread) {
            entry.moved_ = moved;
            entry.since_ = now;
        } else if (now - entry.since_ >= silence) {
            entry.was_shut_ = true;
            std::error_code gone; // it may have ended by itself
            stream.shutdown(side, gone);
        }
    });
}

void open_connections::shut_all() noexcept {
    visit(size(), [](open_connection&, stream_socket& stream) {
        std::error_code gone;
        stream.shutdown(shutdown_side::both, gone);
    });
}

} // namespace pirn::net::detail
