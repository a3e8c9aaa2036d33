// SPDX-License-Identifier: MIT
//
// The part of serve that does not depend on types.
//
// Who is silent is asked of the kernel, and only now and then: counting in each read and write would not see what
// `copy` leaves to the kernel, and a timer for each connection would be set anew for each message.
//
// Everything here belongs to the thread on which serve runs; open_connections.hpp is what other threads touch.
#include <pirn/net/serve.hpp>

#include <pirn/runtime/sleep.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/errors.hpp>

#include "net/common.hpp"
#include "net/open_connections.hpp"
#include "os/socket.hpp"

#include <algorithm>
#include <cstdio>
#include <new>
#include <string>

#include <sys/socket.h>

namespace pirn::net::detail {
namespace {

constexpr auto drain_interval = std::chrono::milliseconds{20};

// Connections that are looked at in one go: about 100 µs of system calls, then others have their turn.
constexpr std::size_t looked_at_once = 64;

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

// peer_name: of a connection, kept as the kernel gives it; text is made of it when an error is reported.
class peer_name {
  public:
    explicit peer_name(const stream_socket& of) noexcept {
        auto* const raw = reinterpret_cast<sockaddr*>(&storage_);
        if (os::remote_address(of.native_handle(), raw, &size_) < 0) {
            size_ = 0;
        } else if (storage_.ss_family == AF_UNIX) {
            socklen_t size = sizeof process_;
            if (::getsockopt(of.native_handle(), SOL_SOCKET, SO_PEERCRED, &process_, &size) != 0) {
                process_.pid = 0;
            }
        }
    }

    // A program that connects to a unix address has mostly no address of its own, but a process has a number.
    std::string in_words() const {
        const auto* const raw = reinterpret_cast<const sockaddr*>(&storage_);
        if (size_ == 0) {
            return "unknown";
        }
        if (storage_.ss_family == AF_UNIX) {
            return "process " + std::to_string(process_.pid);
        }
        return to_string(address::from(raw, size_));
    }

  private:
    sockaddr_storage storage_{};
    socklen_t size_ = sizeof storage_;
    ucred process_{};
};

server::server(const serve_options& options, std::source_location where)
    : options_{options}, where_{where}, account_{std::make_shared<open_connections>(
                                            std::min(options.max_connections, semaphore::max))} {
    PIRN_REQUIRE_AT(where, options.max_connections > 0,
                    "serve was told to have no connection at all");
}

server::~server() = default;

spawn_options server::task_options() const noexcept {
    return {.name = options_.name,
            .stack_size = options_.stack_size,
            .stacks = options_.stacks,
            .worker = this_worker,
            .where = where_};
}

void server::run() {
    struct ending {
        ~ending() { account.shut_all(); }
        open_connections& account;
    } const connections_without_a_handler{*account_};
    task_group handlers; // if we are asked to stop: cancels them, and waits
    {
        task_group watching;
        if (options_.idle_timeout != duration::max()) {
            watching.spawn({.name = "serve", .worker = this_worker, .where = where_}, [this] {
                for (;;) {
                    sleep_for(part_of(options_.idle_timeout, 4));
                    shut_silent(options_.idle_timeout, shutdown_side::both);
                }
            });
        }
        cancel_scope accepting{options_.stop};
        static_cast<void>(accepting.run([&] { accept_until_stopped(handlers); }));
    }
    close_listener();
    drain(handlers);
}

void server::accept_until_stopped(task_group& into) {
    // A place belongs to the connection once that has entered, and is free before.
    struct place {
        explicit place(server& server) : to{server} { to.account_->places.acquire(); }
        place(const place&) = delete;
        place& operator=(const place&) = delete;
        ~place() {
            if (!std::exchange(to.entered_, false)) {
                to.account_->places.release();
            }
        }
        server& to;
    };
    for (;;) {
        const place taken{*this};
        try {
            accept_one(into);
        } catch (const std::bad_alloc&) { // NOLINT(bugprone-empty-catch): turned away
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::operation_canceled) {
                throw;
            }
            return; // somebody has closed the listener: that is a stop too
        }
    }
}

void server::enter(stream_socket& client) {
    account_->enter(client);
    entered_ = true;
}

void server::drain(task_group& handlers) {
    const time_point patience = after(options_.grace);
    task_group watching;
    watching.spawn({.name = "serve", .worker = this_worker, .where = where_}, [&] {
        const duration interval = std::min<duration>(drain_interval, part_of(options_.quiet, 4));
        while (now() < patience) {
            shut_silent(options_.quiet, shutdown_side::read);
            sleep_until(std::min(patience, after(interval)));
        }
        handlers.cancel();
    });
    handlers.wait();
    // What is left has been moved out of its handler.
    cancel_scope rest{patience};
    static_cast<void>(rest.run([&] { account_->wait_until_none(); }));
}

void server::shut_silent(duration silence, shutdown_side side) {
    for (std::size_t rest = account_->size(); rest > 0;) {
        const std::size_t count = std::min(rest, looked_at_once);
        account_->shut_silent(count, silence, side);
        rest -= count;
        if (rest > 0) {
            yield_now();
        }
    }
}

void server::attend(stream_socket& client, void (*handle)(void* call), void* call) {
    const peer_name peer{client}; // now, as a connection that is lost has none
    try {
        handle(call);
    } catch (const cancelled&) {
        throw;
    } catch (...) {
        const std::exception_ptr what = std::current_exception();
        if (what == nullptr) {
            throw; // no exception of C++
        }
        report(what, peer);
    }
}

void server::report(const std::exception_ptr& what, const peer_name& peer) const noexcept {
    if (options_.on_error) {
        options_.on_error(what);
    } else if (!is_everyday(what)) {
        std::fprintf(stderr, "pirn: the handler of a connection failed: %s (peer %s)\n",
                     text_of(what).c_str(), peer.in_words().c_str());
    }
}

} // namespace pirn::net::detail
