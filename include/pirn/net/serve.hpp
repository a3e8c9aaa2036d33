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
// The limit, the idle timeout and the drain apply to a connection until its stream is closed, wherever the handler has
// moved it: into another task, into an object that wraps it, or into something that outlives the handler.
//
// All connections are served on the thread that serve runs on. Several threads: each has its own listener on the same
// port (listen_options::reuse_port) and its own serve; one stop_source ends them all.
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/base/export.hpp>
#include <pirn/base/time.hpp>
#include <pirn/net/stream_socket.hpp>
#include <pirn/net/tcp.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/task_group.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <source_location>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pirn::net {

struct serve_options {
    // Connections whose stream is open, at a time; at least 1. Further ones wait in the listener's backlog.
    std::size_t max_connections = 100'000;

    // A connection through which no byte has gone for so long, in either direction, is shut down: its handler
    // reads the end, and cannot write any more. Noticed up to a quarter later. duration::max(): never.
    pirn::duration idle_timeout = pirn::duration::max();

    // When it is requested, serve drains and returns. It may come from any thread.
    std::stop_token stop = {};

    // While draining: a connection that has been silent for `quiet`, with nothing left to be read, reads its
    // end; its handler may still write. After `grace`, handlers that have not returned are cancelled, and
    // connections that are open without a handler are shut down in both directions.
    pirn::duration quiet = std::chrono::milliseconds{100};
    pirn::duration grace = std::chrono::seconds{5};

    // What leaves a handler; the connection is closed, and the others go on. Must not throw. Without it, what
    // peers may always do (reset the connection, vanish) is no news, and anything else is printed on stderr, with
    // the peer's address.
    std::function<void(const std::exception_ptr&)> on_error = {};

    // Of the handlers' tasks.
    std::string_view name = "connection";
    std::size_t stack_size = default_stack_size; // bytes
    stack_source* stacks = nullptr;
};

namespace detail {

class peer_name;

// server: serve without the types of listener and handler.
class PIRN_EXPORT server {
  public:
    server(const serve_options& options, std::source_location where);
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    // run: until the stop, and then until everybody has left. Suspends.
    void run();

  protected:
    ~server();

    // accept_one: waits for a connection, enters it, and spawns its task, which calls attend. Suspends.
    virtual void accept_one(task_group& into) = 0;
    virtual void close_listener() noexcept = 0;

    // enter: takes the connection into the account; from here on it gives its place back when it is closed. Throws
    // std::bad_alloc. Never suspends.
    void enter(stream_socket& client);

    // attend: what a connection's task does: calls handle(call), and sees to what leaves it. Suspends.
    void attend(stream_socket& client, void (*handle)(void* call), void* call);

    spawn_options task_options() const noexcept;

  private:
    void accept_until_stopped(task_group& into);
    void drain(task_group& handlers);
    // Shuts down that side of the connections that have been silent for so long. Suspends between parts of them.
    void shut_silent(pirn::duration silence, shutdown_side side);
    void report(const std::exception_ptr& what, const peer_name& peer) const noexcept;

    const serve_options& options_;
    const std::source_location where_; // of the call of serve
    std::shared_ptr<open_connections> account_;
    bool entered_ = false; // the connection that is being accepted
};

template <class Listener, class Handler>
class server_of final : public server {
  public:
    server_of(Listener& listener, Handler& handler, const serve_options& options,
              std::source_location where)
        : server{options, where}, listener_{listener}, handler_{handler} {}

  private:
    using stream = decltype(std::declval<Listener&>().accept());

    void accept_one(task_group& into) override {
        stream accepted = listener_.accept();
        enter(accepted);
        into.spawn(
            task_options(),
            // The stream is moved into the task, which closes it unless the handler moves it on.
            [this](stream client) {
                struct handling {
                    server_of& self;
                    stream& client;
                } call{*this, client};
                attend(
                    client,
                    [](void* object) {
                        auto& now = *static_cast<handling*>(object);
                        std::invoke(now.self.handler_, now.client);
                    },
                    &call);
            },
            std::move(accepted));
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
// one, it waits in the backlog. A handler may move the stream out; serve then waits for its end all the same, and
// shuts the connection down when the time for that is over. Listener: tcp_listener, unix_listener. Suspends.
template <class Listener, class Handler>
void serve(Listener& listener, Handler&& handler, const serve_options& options = {},
           std::source_location where = std::source_location::current()) {
    detail::server_of<Listener, std::remove_reference_t<Handler>>{listener, handler, options, where}
        .run();
}

} // namespace pirn::net
