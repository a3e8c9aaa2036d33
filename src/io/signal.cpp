// SPDX-License-Identifier: MIT
//
// Signals into a wakeup. A handler runs in the middle of anything, so it does the least: it sets a bit
// in each set that wants the signal, and rings that set's eventfd.
//
//   handler ──► sets[i]->arrived |= bit ──► eventfd ──► poll operation ──► the waiting task
//
// Not a signalfd, because that needs the signal blocked in every thread of the process, also in those
// that were there before us.
//
// Shared state:
//   sets        slots written under `registry`, read by the handler
//   handlers    a count and the previous action for each signal; under `registry`
//   state::arrived   or-ed by the handler, and-ed by the waiter
#include <pirn/io/signal.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/io/stream.hpp>
#include <pirn/loop/operations.hpp>
#include <pirn/os/handle.hpp>
#include <pirn/runtime/await.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace pirn::io {

struct signal_set::state {
    os::handle bell;
    std::uint64_t wanted = 0;
    std::atomic<std::uint64_t> arrived{0};

    ~state();
};

namespace {

constexpr std::size_t most_sets = 16;
constexpr int most_signals = 64;

std::mutex registry;
std::array<std::atomic<signal_set::state*>, most_sets> sets{};
// How many handlers are looking at the sets right now: a set is freed only when none is.
std::atomic<int> looking{0};

struct handled {
    unsigned users = 0;
    struct sigaction before{};
};
std::array<handled, most_signals + 1> handlers{};

constexpr std::uint64_t bit_of(int signal) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(signal - 1);
}

void on_signal(int signal) {
    const int saved = errno;
    // seq_cst, like the exchange in ~state: either it sees us looking, or we see the slot empty.
    looking.fetch_add(1);
    for (std::atomic<signal_set::state*>& slot : sets) {
        signal_set::state* set = slot.load();
        if (set == nullptr || (set->wanted & bit_of(signal)) == 0) {
            continue;
        }
        // release: pairs with the acquire exchange in wait.
        set->arrived.fetch_or(bit_of(signal), std::memory_order_release);
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto wrote = ::write(set->bell.get(), &one, sizeof one);
    }
    looking.fetch_sub(1);
    errno = saved;
}

// Under the registry's mutex.
int begin_handling(int signal) noexcept {
    handled& entry = handlers[static_cast<std::size_t>(signal)];
    if (entry.users == 0) {
        struct sigaction action{};
        action.sa_handler = &on_signal;
        action.sa_flags = SA_RESTART | SA_ONSTACK;
        ::sigfillset(&action.sa_mask);
        if (::sigaction(signal, &action, &entry.before) != 0) {
            return -errno;
        }
    }
    ++entry.users;
    return 0;
}

void end_handling(int signal) noexcept {
    handled& entry = handlers[static_cast<std::size_t>(signal)];
    if (--entry.users == 0) {
        ::sigaction(signal, &entry.before, nullptr);
    }
}

} // namespace

signal_set::state::~state() {
    const std::scoped_lock lock{registry};
    for (std::atomic<state*>& slot : sets) {
        state* expected = this;
        slot.compare_exchange_strong(expected, nullptr);
    }
    for (std::uint64_t left = wanted; left != 0; left &= left - 1) {
        end_handling(std::countr_zero(left) + 1);
    }
    // A handler on another thread may have read the slot before. It takes microseconds and never waits.
    while (looking.load() != 0) {
        ::sched_yield();
    }
}

signal_set::signal_set(std::initializer_list<int> signals) : state_{std::make_unique<state>()} {
    state_->bell = os::handle{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!state_->bell) {
        throw_errno("eventfd");
    }
    const std::scoped_lock lock{registry};
    std::atomic<state*>* place = nullptr;
    for (std::atomic<state*>& slot : sets) {
        if (slot.load() == nullptr) {
            place = &slot;
            break;
        }
    }
    PIRN_REQUIRE(place != nullptr, "there are too many signal_sets at a time", {"most", most_sets});
    for (const int signal : signals) {
        const bool exists = signal >= 1 && signal <= most_signals;
        if (exists && (state_->wanted & bit_of(signal)) != 0) {
            continue; // named twice
        }
        const int result = exists ? begin_handling(signal) : -EINVAL;
        if (result < 0) {
            for (std::uint64_t left = state_->wanted; left != 0; left &= left - 1) {
                end_handling(std::countr_zero(left) + 1);
            }
            state_->wanted = 0;
            throw_error(error_of(result), "signal_set");
        }
        state_->wanted |= bit_of(signal);
    }
    place->store(state_.get());
}

signal_set::~signal_set() = default;

std::optional<int> signal_set::try_wait() noexcept {
    // acquire: pairs with the release in the handler.
    const std::uint64_t arrived = state_->arrived.load(std::memory_order_acquire);
    if (arrived == 0) {
        return {};
    }
    const int first = std::countr_zero(arrived) + 1;
    state_->arrived.fetch_and(~bit_of(first), std::memory_order_acq_rel);
    return first;
}

int signal_set::wait(std::error_code& error) {
    pirn::detail::give_way();
    for (;;) {
        if (stop_requested()) {
            error = error_of(-ECANCELED);
            return 0;
        }
        if (const auto arrived = try_wait()) {
            error.clear();
            return *arrived;
        }
        awaitable<poll_operation> rung{state_->bell.get(), short{POLLIN}};
        if (const int result = await(rung); result < 0) {
            error = error_of(result);
            return 0;
        }
        // Reset the bell before looking: a signal from now on rings it again.
        std::uint64_t rings = 0;
        [[maybe_unused]] const auto got = ::read(state_->bell.get(), &rings, sizeof rings);
    }
}

int signal_set::wait() {
    std::error_code error;
    const int signal = wait(error);
    detail::check(error, "signal_set::wait");
    return signal;
}

} // namespace pirn::io
