// SPDX-License-Identifier: MIT
//
// The account of a server: the connections that it has accepted and that are still open. An entry belongs to the
// connection and not to the handler, so it goes wherever the stream is moved: into another task, into an object that
// wraps it, into something that is kept after the handler has returned.
//
//            moved: follow                before close            after close
//   enter ───────┐      ┌──► open ───────────────────► leave ───────────────────► closed: the place is free again
//                └──────┘
//
// Shared state: the list and `none_open_` under `guard_`; `stream_` of an entry under that entry's `guard_`, because a
// stream may be moved or closed on any thread of the runtime. An entry is looked at with its guard held, so that its
// descriptor stays what it is meanwhile. What remains belongs to the server's thread.
#pragma once

#include <pirn/base/list.hpp>
#include <pirn/base/spin_lock.hpp>
#include <pirn/base/time.hpp>
#include <pirn/net/stream_socket.hpp>
#include <pirn/sync/event.hpp>
#include <pirn/sync/semaphore.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace pirn::net::detail {

class open_connections;

// open_connection: the entry of one connection; its stream holds it.
class open_connection {
  public:
    open_connection(std::shared_ptr<open_connections> account, stream_socket& stream);
    open_connection(const open_connection&) = delete;
    open_connection& operator=(const open_connection&) = delete;

    // follow: the connection has been moved into this stream. Thread-safe. Never suspends.
    void follow(stream_socket& stream) noexcept;
    // leave: the descriptor is about to be closed, and its number may be another's soon. Thread-safe. Never suspends.
    void leave() noexcept;
    // closed: the descriptor is closed: the place is free. Again does nothing. Thread-safe. Never suspends.
    void closed() noexcept;

  private:
    friend class open_connections;

    const std::shared_ptr<open_connections> account_;
    pirn::detail::spin_lock guard_;
    stream_socket* stream_;
    std::uint64_t moved_;   // what had gone through it when it was last looked at
    time_point since_;      // when that was seen to have changed
    bool was_shut_ = false; // by shut_silent
    list_link link_;
    std::shared_ptr<open_connection> self_; // while it is in the list
};

// open_connections: shared by the server and its connections, which may outlive it.
class open_connections : public std::enable_shared_from_this<open_connections> {
  public:
    explicit open_connections(std::size_t max) : places{max} {}

    // enter: the stream's connection is open, and holds a place that was acquired for it. Throws std::bad_alloc; the
    // place is the caller's then. Never suspends.
    void enter(stream_socket& stream);

    std::size_t size() const noexcept;

    // shut_silent: looks at the next `count` connections, and shuts down that side of each through which no byte has
    // gone for so long. On the server's thread. Never suspends.
    void shut_silent(std::size_t count, duration silence, shutdown_side side) noexcept;

    // shut_all: shuts down both sides of every connection. On the server's thread. Never suspends.
    void shut_all() noexcept;

    // wait_until_none: until all are closed. Throws `cancelled`. Suspends.
    void wait_until_none() { none_open_.wait(); }

    semaphore places;

  private:
    friend class open_connection;

    // Calls the function with each of the next `count` connections and its stream, if that is open.
    template <class Function>
    void visit(std::size_t count, Function function) noexcept;

    mutable pirn::detail::spin_lock guard_;
    list<open_connection, &open_connection::link_>
        list_; // the one that was looked at longest ago is the first
    std::size_t size_ = 0;
    event none_open_{true};
};

} // namespace pirn::net::detail
