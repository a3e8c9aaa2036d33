// SPDX-License-Identifier: MIT
//
// A server: accepts connections, gives each to a handler in a task of its own, keeps to limits, and ends without
// cutting anybody off.
//
//   std::stop_source stop;
//   auto listener = pirn::net::tcp_listen("127.0.0.1:8080");
//   pirn::net::serve(listener, [](pirn::net::tcp_stream& client) { … }, {.stop = stop.get_token()});
//
//              stop is requested             nobody is left, or the grace is over
//   serving ───────────────────────► draining ───────────────────────────────────► serve returns
//   accepts, up to the limit         accepts nobody; the silent ones read their end;
//                                    when the grace is over, the rest is cancelled
//
// All connections are served on the thread that serve runs on. Several threads: each has its own listener on the same
// port (listen_options::reuse_port) and its own serve; one stop_source ends them all.
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/base/export.hpp>
#include <pirn/base/list.hpp>
#include <pirn/base/time.hpp>
#include <pirn/net/stream_socket.hpp>
#include <pirn/net/tcp.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/task_group.hpp>
#include <pirn/sync/semaphore.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pirn::net {

struct serve_options {
    // Connections at a time, at least 1. Further ones wait in the listener's backlog.
    std::size_t max_connections = 100'000;

    // A connection through which no byte has gone for so long, in either direction, is shut down: its handler
    // reads the end, and cannot write any more. Noticed up to a quarter later. duration::max(): never.
    pirn::duration idle_timeout = pirn::duration::max();

    // When it is requested, serve drains and returns. It may come from any thread.
    std::stop_token stop = {};

    // While draining: a connection that has been silent for `quiet`, with nothing left to be read, reads its
    // end; its handler may still write. Handlers that have not returned after `grace` are cancelled.
    pirn::duration quiet = std::chrono::milliseconds{100};
    pirn::duration grace = std::chrono::seconds{5};

    // What leaves a handler; the connection is closed, and the others go on. Must not throw. Without it, what
    // peers may always do (reset the connection, vanish) is no news, and anything else is printed on stderr.
    std::function<void(const std::exception_ptr&)> on_error = {};

    // Of the handlers' tasks.
    std::string_view name = "connection";
    std::size_t stack_size = default_stack_size; // bytes
    stack_source* stacks = nullptr;
};

namespace detail {

// server: serve without the types of listener and handler.
class PIRN_EXPORT server {
  public:
    explicit server(const serve_options& options);
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    // run: until the stop, and then until everybody has left. Suspends.
    void run();

  protected:
    ~server() = default;

    // accept_one: waits for a connection, and spawns its task, which calls attend. Suspends.
    virtual void accept_one(task_group& into) = 0;
    virtual void close_listener() noexcept = 0;

    // attend: what a connection's task does: calls handle(*this, client), and sees to what leaves it. Suspends.
    void attend(stream_socket& client, void (*handle)(server& self, stream_socket& client));

    spawn_options task_options() const noexcept;

  private:
    // connection: one that is open; stands on the stack of its task.
    struct connection {
        stream_socket& stream;
        std::uint64_t moved; // what had gone through it when it was last looked at
        time_point since;    // when that was seen to have changed
        bool told = false;   // that it is over
        list_link link = {};
    };

    void accept_until_stopped(task_group& into);
    void drain(task_group& connections);
    // Ends the connections that have been silent for so long; the whole, or only what they may read.
    void end_silent_ones(pirn::duration for_long, shutdown_side side) noexcept;
    void report(const std::exception_ptr& what) const noexcept;

    const serve_options& options_;
    semaphore places_;
    list<connection, &connection::link> open_;
};

template <class Listener, class Handler>
class server_of final : public server {
  public:
    server_of(Listener& listener, Handler& handler, const serve_options& options)
        : server{options}, listener_{listener}, handler_{handler} {}

  private:
    using stream = decltype(std::declval<Listener&>().accept());

    void accept_one(task_group& into) override {
        into.spawn(
            task_options(),
            [this](stream client) { // moved into the task, which closes it
                attend(client, [](server& self, stream_socket& of) {
                    std::invoke(static_cast<server_of&>(self).handler_, static_cast<stream&>(of));
                });
            },
            listener_.accept());
    }
    void close_listener() noexcept override { listener_.close(); }

    Listener& listener_;
    Handler& handler_;
};

} // namespace detail

// serve: calls handler(stream&) for each connection that comes, each in a task of its own, until the stop is
// requested or somebody closes the listener; then drains, as drawn above. The listener is closed when it returns. If
// the task is asked to stop instead, all connections are cancelled at once. Throws std::system_error when nothing can
// be accepted any more. A connection for which there is no memory is turned away; while there is no descriptor for
// one, it waits in the backlog. Listener: tcp_listener, unix_listener. Suspends.
template <class Listener, class Handler>
void serve(Listener& listener, Handler&& handler, const serve_options& options = {}) {
    detail::server_of<Listener, std::remove_reference_t<Handler>>{listener, handler, options}.run();
}

} // namespace pirn::net
