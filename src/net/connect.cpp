// SPDX-License-Identifier: MIT
//
// Several attempts beside each other, each a task of a group; the first to connect cancels the others, and the
// group has ended when the answer comes.
#include <pirn/net/connect.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/task_group.hpp>
#include <pirn/scope/timeout.hpp>
#include <pirn/sync/event.hpp>

#include "base/c_string.hpp"
#include "net/common.hpp"

#include <optional>
#include <string>
#include <utility>

namespace pirn::net {
namespace {

// race: the attempts to connect to some addresses, begun one after the other.
class race {
  public:
    explicit race(const connect_options& options) noexcept : options_{options} {}

    // run: to these addresses, in this order. Throws `cancelled`. Suspends.
    void run(std::span<const address> to) {
        task_group attempts;
        for (const address& each : to) {
            ++running_;
            attempts.spawn({.name = "connect",
                            .worker = this_worker,
                            .where = pirn::detail::place_of_current_task()},
                           [this, each] { attempt(each); });
            wait_for_news(after(options_.stagger));
            if (winner_) {
                break;
            }
        }
        while (!winner_ && running_ > 0) {
            wait_for_news(never);
        }
        attempts.cancel();
        attempts.wait();
    }

    std::optional<tcp_stream>& winner() noexcept { return winner_; }

    std::error_code error() const noexcept {
        return failures_.empty() ? std::error_code{} : failures_.front().second;
    }

    // What each address has said.
    std::string text() const {
        std::string text;
        for (const auto& [where, error] : failures_) {
            text += (text.empty() ? "" : "; ") + to_string(where) + ": " + error.message();
        }
        return text;
    }

  private:
    void attempt(const address& to) {
        std::error_code error;
        tcp_stream connected = tcp_connect(to, options_.tcp, error);
        --running_;
        if (error) {
            if (!stop_requested()) {
                failures_.emplace_back(to, error);
            }
        } else if (!winner_) {
            winner_ = std::move(connected);
        } // else it was a moment too late, and is closed
        news_.set();
    }

    void wait_for_news(time_point until) {
        static_cast<void>(try_with_timeout(until, [this] { news_.wait(); }));
    }

    const connect_options& options_;
    std::optional<tcp_stream> winner_;
    std::vector<std::pair<address, std::error_code>> failures_;
    std::size_t running_ = 0;
    auto_event news_; // an attempt has ended
};

// Runs what is to be done within the time; errors, and what else goes wrong, as error_codes.
template <class Function>
void within(const connect_options& options, std::error_code& error, Function&& function) {
    error.clear();
    try {
        const bool in_time = options.timeout == pirn::duration::max()
                                 ? (function(), true)
                                 : try_with_timeout(options.timeout, function);
        if (!in_time) {
            error = std::make_error_code(std::errc::timed_out);
        }
    } catch (const cancelled&) {
        error = error_of(-ECANCELED);
    }
}

// The whole way, for both forms.
void find_and_connect(std::string_view host, std::uint16_t port, const connect_options& options,
                      race& attempts, std::error_code& error) {
    within(options, error, [&] {
        std::error_code failed;
        const std::string service = std::to_string(port);
        const std::vector<address> found =
            options.names != nullptr ? options.names->resolve(host, service, options.family, failed)
                                     : resolve(host, service, options.family, failed);
        throw_if_stopped();
        if (!failed) {
            attempts.run(interleave_families(found));
            failed = attempts.winner() ? std::error_code{} : attempts.error();
        }
        error = failed;
    });
}

void connect_to(std::span<const address> to, const connect_options& options, race& attempts,
                std::error_code& error) {
    PIRN_REQUIRE(!to.empty(), "connect was given no address");
    within(options, error, [&] {
        attempts.run(to);
        error = attempts.winner() ? std::error_code{} : attempts.error();
    });
}

tcp_stream take(race& attempts, const std::error_code& error) {
    auto& won = attempts.winner();
    return !error && won ? std::move(*won) : tcp_stream{};
}

[[noreturn]] void fail(const std::string& whom, const race& attempts,
                       const std::error_code& error) {
    if (error == std::errc::operation_canceled && stop_requested()) {
        throw cancelled{};
    }
    const std::string each = attempts.text();
    throw_error(error, ("connect to " + whom + (each.empty() ? "" : " (" + each + ")")).c_str());
}

} // namespace

tcp_stream connect(std::string_view host, std::uint16_t port, const connect_options& options,
                   std::error_code& error) {
    race attempts{options};
    find_and_connect(host, port, options, attempts, error);
    return take(attempts, error);
}

tcp_stream connect(std::string_view host, std::uint16_t port, const connect_options& options) {
    race attempts{options};
    std::error_code error;
    find_and_connect(host, port, options, attempts, error);
    if (error) {
        fail(pirn::detail::printable(host) + ", port " + std::to_string(port), attempts, error);
    }
    return take(attempts, error);
}

tcp_stream connect(std::span<const address> to, const connect_options& options,
                   std::error_code& error) {
    race attempts{options};
    connect_to(to, options, attempts, error);
    return take(attempts, error);
}

tcp_stream connect(std::span<const address> to, const connect_options& options) {
    race attempts{options};
    std::error_code error;
    connect_to(to, options, attempts, error);
    if (error) {
        fail(to_string(to.front()), attempts, error);
    }
    return take(attempts, error);
}

std::vector<address> interleave_families(std::span<const address> found) {
    std::vector<address> ordered;
    ordered.reserve(found.size());
    if (found.empty()) {
        return ordered;
    }
    bool wanted = found.front().is_v6();
    std::array<std::size_t, 2> next{}; // of each family, where to look on
    while (ordered.size() < found.size()) {
        std::size_t& at = next[wanted ? 1 : 0];
        while (at < found.size() && found[at].is_v6() != wanted) {
            ++at;
        }
        if (at < found.size()) {
            ordered.push_back(found[at++]);
        }
        wanted = !wanted;
    }
    return ordered;
}

} // namespace pirn::net
