// SPDX-License-Identifier: MIT
//
// The part of serve that does not depend on types.
//
// Who is silent is asked of the kernel, and only now and then: counting in each read and write would not see what
// `copy` leaves to the kernel, and a timer for each connection would be set anew for each message.
//
// Everything here belongs to the thread on which serve runs.
#include <pirn/net/serve.hpp>

#include <pirn/runtime/sleep.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/errors.hpp>

#include "net/common.hpp"
#include "net/progress.hpp"

#include <algorithm>
#include <cstdio>
#include <new>

namespace pirn::net::detail {
namespace {

constexpr auto drain_interval = std::chrono::milliseconds{20};

// What a peer may do at any time.
bool is_everyday(const std::error_code& error) noexcept {
    return error == std::errc::connection_reset || error == std::errc::broken_pipe ||
           error == std::errc::timed_out || error == std::errc::not_connected ||
           error == std::errc::host_unreachable || error == std::errc::network_unreachable ||
           error == std::errc::operation_canceled;
}

bool is_everyday(const std::exception_ptr& what) noexcept {
    try {
        std::rethrow_exception(what);
    } catch (const std::system_error& error) {
        return is_everyday(error.code());
    } catch (...) {
        return false;
    }
}

// A part of a span of time, for looking now and then.
duration part_of(duration span, int parts) noexcept {
    return std::clamp<duration>(span / parts, std::chrono::milliseconds{1},
                                std::chrono::seconds{60});
}

} // namespace

server::server(const serve_options& options) : options_{options}, places_{options.max_connections} {
    PIRN_REQUIRE(options.max_connections > 0, "serve was told to have no connection at all");
}

spawn_options server::task_options() const noexcept {
    return {.name = options_.name,
            .stack_size = options_.stack_size,
            .stacks = options_.stacks,
            .worker = this_worker};
}

void server::run() {
    task_group connections; // if we are asked to stop: cancels them, and waits
    {
        task_group watching;
        if (options_.idle_timeout != duration::max()) {
            watching.spawn({.worker = this_worker}, [this] {
                for (;;) {
                    sleep_for(part_of(options_.idle_timeout, 4));
                    end_silent_ones(options_.idle_timeout, shutdown_side::both);
                }
            });
        }
        cancel_scope accepting{options_.stop};
        accepting.run([&] { accept_until_stopped(connections); });
    }
    close_listener();
    drain(connections);
}

void server::accept_until_stopped(task_group& into) {
    for (;;) {
        places_.acquire();
        try {
            accept_one(into);
        } catch (const std::bad_alloc&) {
            places_.release(); // no memory for one more: turned away
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::operation_canceled) {
                throw;
            }
            return; // somebody has closed the listener: that is a stop too
        }
    }
}

void server::drain(task_group& connections) {
    task_group telling;
    telling.spawn({.worker = this_worker}, [&] {
        const time_point patience = after(options_.grace);
        const duration interval = std::min<duration>(drain_interval, part_of(options_.quiet, 4));
        while (now() < patience) {
            end_silent_ones(options_.quiet, shutdown_side::read);
            sleep_until(std::min(patience, after(interval)));
        }
        connections.cancel();
    });
    connections.wait();
}

void server::end_silent_ones(duration for_long, shutdown_side side) noexcept {
    const time_point now = pirn::now();
    for (connection* each = open_.front(); each != nullptr; each = open_.next(*each)) {
        if (each->told || !each->stream.is_open()) {
            continue;
        }
        const std::uint64_t moved = bytes_moved(each->stream);
        const bool unread = side == shutdown_side::read && has_unread(each->stream.native_handle());
        if (moved != each->moved || unread) {
            each->moved = moved;
            each->since = now;
        } else if (now - each->since >= for_long) {
            each->told = true;
            std::error_code gone; // it may have ended by itself
            each->stream.shutdown(side, gone);
        }
    }
}

void server::attend(stream_socket& client, void (*handle)(server& self, stream_socket& client)) {
    struct entry {
        entry(server& of, stream_socket& client)
            : whose{of}, here{client, bytes_moved(client), now()} {
            whose.open_.push_back(here);
        }
        entry(const entry&) = delete;
        entry& operator=(const entry&) = delete;
        ~entry() {
            whose.open_.erase(here);
            whose.places_.release();
        }
        server& whose;
        connection here;
    } const listed{*this, client};
    try {
        handle(*this, client);
    } catch (const cancelled&) {
        throw;
    } catch (...) {
        const std::exception_ptr what = std::current_exception();
        if (what == nullptr) {
            throw; // no exception of C++
        }
        report(what);
    }
}

void server::report(const std::exception_ptr& what) const noexcept {
    if (options_.on_error) {
        options_.on_error(what);
    } else if (!is_everyday(what)) {
        std::fprintf(stderr, "pirn: the handler of a connection failed: %s\n",
                     text_of(what).c_str());
    }
}

} // namespace pirn::net::detail
