// SPDX-License-Identifier: MIT
//
// Signals into a wakeup. A handler runs in the middle of anything, so it does the least: it sets a bit
// in each set that wants the signal, and writes that set's eventfd.
//
//   handler ──► set->arrived |= bit ──► eventfd ──┐
//      ▲                                          ├──► epoll ──► poll operation ──► the waiting task
//      └──── the waiting task reads it ◄── signalfd ┘
//
// A signal that every thread blocks runs no handler: it stays pending, which a signalfd tells. The task that is woken by
// it takes the signal from there and does what the handler would have done. A signalfd alone would not do, because it
// says nothing of a signal that some thread of the process does not block.
//
// Shared state:
//   first_set, state::next   the sets; written under `registry`, read by the handler
//   state::link              the way back, to take a set out; under `registry`
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
#include <string>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace pirn::io {

struct signal_set::state {
    os::handle bell;    // an eventfd, written by the handler
    os::handle pending; // a signalfd, or none where a policy refuses it
    os::handle both;    // an epoll of the two, which is what is waited for
    std::uint64_t wanted = 0;
    std::atomic<std::uint64_t> arrived{0};
    std::atomic<state*> next{nullptr};
    std::atomic<state*>* link =
        nullptr; // which points here: the `next` of the one before, or first_set; null if none

    void open();
    void take_pending() noexcept;
    int descriptor() const noexcept { return both ? both.get() : bell.get(); }

    ~state();
};

namespace {

constexpr int most_signals = 64;

std::mutex registry;
std::atomic<signal_set::state*> first_set{nullptr};
// How many handlers are looking at the sets right now: a set is freed only when none is.
std::atomic<int> looking{0};

struct handled {
    unsigned users = 0;
    struct sigaction before{};
};
std::array<handled, most_signals + 1> handlers{};

constexpr std::uint64_t bit_of(int signal) noexcept {
    return std::uint64_t{1} << (static_cast<unsigned>(signal - 1) & 63U);
}

void on_signal(int signal) {
    const int saved = errno;
    // seq_cst, like the store in ~state: either it sees us looking, or we do not see the set any more.
    looking.fetch_add(1);
    for (signal_set::state* set = first_set.load(); set != nullptr; set = set->next.load()) {
        if ((set->wanted & bit_of(signal)) == 0) {
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

// name_of: of a signal, for a message.
std::string name_of(int signal) {
    switch (signal) {
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    case SIGILL: return "SIGILL";
    case SIGKILL: return "SIGKILL";
    case SIGSTOP: return "SIGSTOP";
    default: return "signal " + std::to_string(signal);
    }
}

// why_not: why a set cannot have the signal; nothing if it can.
std::string why_not(int signal) {
    switch (signal) {
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
        return name_of(signal) + " is raised by a faulty instruction, which cannot wait for a task";
    case SIGKILL:
    case SIGSTOP: return name_of(signal) + " cannot be caught";
    default:
        return signal >= 1 && signal <= most_signals
                   ? ""
                   : "there is no signal " + std::to_string(signal) + "; they are 1 to " +
                         std::to_string(most_signals);
    }
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
    if (link != nullptr) {
        state* const following = next.load();
        link->store(following);
        if (following != nullptr) {
            following->link = link;
        }
    }
    for (std::uint64_t left = wanted; left != 0; left &= left - 1) {
        end_handling(std::countr_zero(left) + 1);
    }
    // A handler on another thread may have found the set before. It takes microseconds and never waits.
    while (looking.load() != 0) {
        ::sched_yield();
    }
}

void signal_set::state::open() {
    bell = os::handle{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!bell) {
        throw_errno("eventfd");
    }
    sigset_t mask;
    ::sigemptyset(&mask);
    for (std::uint64_t left = wanted; left != 0; left &= left - 1) {
        ::sigaddset(&mask, std::countr_zero(left) + 1);
    }
    pending = os::handle{::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (!pending) {
        if (errno == ENOSYS || errno == EPERM) {
            return; // what all threads block is not seen then
        }
        throw_errno("signalfd");
    }
    both = os::handle{::epoll_create1(EPOLL_CLOEXEC)};
    if (!both) {
        throw_errno("epoll_create1");
    }
    for (const os::handle* each : {&bell, &pending}) {
        epoll_event event{};
        event.events = EPOLLIN;
        if (::epoll_ctl(both.get(), EPOLL_CTL_ADD, each->get(), &event) != 0) {
            throw_errno("epoll_ctl");
        }
    }
}

// take_pending: what all threads block.
void signal_set::state::take_pending() noexcept {
    signalfd_siginfo taken{};
    while (pending && ::read(pending.get(), &taken, sizeof taken) == sizeof taken) {
        on_signal(static_cast<int>(taken.ssi_signo)); // for all sets that want it
    }
}

signal_set::signal_set(std::initializer_list<int> signals) : state_{std::make_unique<state>()} {
    std::uint64_t wanted = 0;
    for (const int signal : signals) {
        if (const std::string refused = why_not(signal); !refused.empty()) {
            throw_error(std::make_error_code(std::errc::invalid_argument),
                        ("signal_set: " + refused).c_str());
        }
        wanted |= bit_of(signal);
    }
    state_->wanted = wanted;
    const std::scoped_lock lock{registry};
    std::uint64_t begun = 0;
    try {
        state_->open();
        for (std::uint64_t left = wanted; left != 0; left &= left - 1) {
            const int signal = std::countr_zero(left) + 1;
            if (const int result = begin_handling(signal); result < 0) {
                throw_error(error_of(result), ("signal_set: " + name_of(signal)).c_str());
            }
            begun |= bit_of(signal);
        }
    } catch (...) {
        for (std::uint64_t left = begun; left != 0; left &= left - 1) {
            end_handling(std::countr_zero(left) + 1);
        }
        state_->wanted = 0;
        throw;
    }
    state* const following = first_set.load();
    state_->next.store(following);
    state_->link = &first_set;
    if (following != nullptr) {
        following->link = &state_->next;
    }
    first_set.store(state_.get());
}

signal_set::~signal_set() = default;

std::optional<int> signal_set::try_wait() noexcept {
    // acquire: pairs with the release in the handler.
    std::uint64_t arrived = state_->arrived.load(std::memory_order_acquire);
    if (arrived == 0) {
        state_->take_pending();
        arrived = state_->arrived.load(std::memory_order_acquire);
    }
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
        if (pirn::detail::stop_refuses()) {
            error = error_of(-ECANCELED);
            return 0;
        }
        if (const auto arrived = try_wait()) {
            error.clear();
            return *arrived;
        }
        awaitable<poll_operation> rung{state_->descriptor(), short{POLLIN}};
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
