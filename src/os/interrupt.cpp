// SPDX-License-Identifier: MIT
//
// The handler that does nothing, and who wants it.
#include "os/interrupt.hpp"

#include <array>
#include <csignal>
#include <mutex>

namespace pirn::os {
namespace {

constexpr int most_signals = 64;

struct entry {
    unsigned users = 0;
    struct sigaction before{};
};

std::mutex registry;
std::array<entry, most_signals + 1> entries{};

void do_nothing(int /*signal*/) {}

bool has_no_handler(const struct sigaction& action) noexcept {
    return (action.sa_flags & SA_SIGINFO) == 0 &&
           (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN);
}

} // namespace

interruption::interruption(int signal) noexcept {
    if (signal < 1 || signal > most_signals) {
        return;
    }
    const std::scoped_lock lock{registry};
    entry& of = entries[static_cast<std::size_t>(signal)];
    if (of.users == 0) {
        if (::sigaction(signal, nullptr, &of.before) != 0 || !has_no_handler(of.before)) {
            return;
        }
        struct sigaction action{};
        action.sa_handler = &do_nothing; // and no SA_RESTART, which is the point
        if (::sigaction(signal, &action, nullptr) != 0) {
            return;
        }
    }
    ++of.users;
    signal_ = signal;
}

interruption::~interruption() {
    if (signal_ == 0) {
        return;
    }
    const std::scoped_lock lock{registry};
    entry& of = entries[static_cast<std::size_t>(signal_)];
    if (--of.users == 0) {
        ::sigaction(signal_, &of.before, nullptr);
    }
}

void interruption::hit(pthread_t thread) const noexcept {
    if (signal_ != 0) {
        ::pthread_kill(thread, signal_);
    }
}

sigset_t interruption::hide_signals() const noexcept {
    sigset_t hidden;
    sigset_t before;
    ::sigfillset(&hidden);
    // Those that a thread brings upon itself, and the ticks of a profiler: they mean this very thread.
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF}) {
        ::sigdelset(&hidden, own);
    }
    if (signal_ != 0) {
        ::sigdelset(&hidden, signal_);
    }
    ::pthread_sigmask(SIG_SETMASK, &hidden, &before);
    return before;
}

} // namespace pirn::os
