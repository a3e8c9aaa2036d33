// SPDX-License-Identifier: MIT
//
// SIGSEGV and SIGBUS on an alternate stack.
//
// Shared state: `observer`, written once before the handlers are installed, read by them; `previous`,
// written by sigaction before any of our handlers can run.
#include "os/fault.hpp"

#include "os/memory.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <mutex>
#include <tuple>

#include <sys/auxv.h>
#include <unistd.h>

namespace pirn::os {
namespace {

std::atomic<fault_observer> observer{nullptr};

struct saved_action {
    int signal;
    struct sigaction action;
};
std::array<saved_action, 2> previous{{{SIGSEGV, {}}, {SIGBUS, {}}}};

// Lets the fault take its course. With no handler before ours, the default action is restored and the
// faulting instruction runs again, so that the core dump shows it and not this function. What somebody
// sent with kill(2) does not come again by itself.
void pass_on(int signal, siginfo_t* info, void* machine) noexcept {
    for (const saved_action& saved : previous) {
        if (saved.signal != signal) {
            continue;
        }
        if ((saved.action.sa_flags & SA_SIGINFO) != 0 && saved.action.sa_sigaction != nullptr) {
            saved.action.sa_sigaction(signal, info, machine);
            return;
        }
        if (saved.action.sa_handler != SIG_DFL && saved.action.sa_handler != SIG_IGN) {
            saved.action.sa_handler(signal);
            return;
        }
        const bool was_sent = info->si_code <= 0;
        if (was_sent && saved.action.sa_handler == SIG_IGN) {
            return;
        }
        struct sigaction standard{};
        standard.sa_handler = SIG_DFL;
        ::sigaction(signal, &standard, nullptr);
        if (was_sent) {
            ::raise(signal);
        }
    }
}

void on_fault(int signal, siginfo_t* info, void* machine) {
    // Only what the kernel raised has an address; kill(2) and the like have none.
    if (info->si_code > 0) {
        // acquire: pairs with the release in watch_faults.
        observer.load(std::memory_order_acquire)(info->si_addr);
    }
    pass_on(signal, info, machine);
}

// The least that the kernel needs (AVX-512 state makes it over 10 KB) and as much again for us.
std::size_t alternate_stack_size() noexcept {
    constexpr unsigned long at_minsigstksz = 51; // AT_MINSIGSTKSZ; missing from older headers
    const std::size_t least = std::max<std::size_t>(::getauxval(at_minsigstksz), 4096);
    return round_to_pages(2 * least + 16384);
}

// The alternate stack of one thread.
class alternate_stack {
  public:
    alternate_stack() noexcept {
        stack_t present{};
        if (::sigaltstack(nullptr, &present) == 0 && (present.ss_flags & SS_DISABLE) == 0) {
            return; // somebody gave this thread one, as the sanitizers do
        }
        memory_ = reserve_memory(alternate_stack_size());
        if (memory_.empty()) {
            return; // an overflow will then be a bare SIGSEGV; nothing else suffers
        }
        stack_t ours{};
        ours.ss_sp = memory_.data();
        ours.ss_size = memory_.size();
        ::sigaltstack(&ours, nullptr);
    }
    ~alternate_stack() {
        if (memory_.empty()) {
            return;
        }
        stack_t present{};
        if (::sigaltstack(nullptr, &present) == 0 && present.ss_sp == memory_.data()) {
            stack_t none{};
            none.ss_flags = SS_DISABLE;
            ::sigaltstack(&none, nullptr);
        }
        std::ignore = release_memory(memory_);
    }
    alternate_stack(const alternate_stack&) = delete;
    alternate_stack& operator=(const alternate_stack&) = delete;

  private:
    std::span<std::byte> memory_;
};

} // namespace

void watch_faults(fault_observer what) noexcept {
    static std::once_flag once;
    std::call_once(once, [what] {
        // release: pairs with the acquire in on_fault.
        observer.store(what, std::memory_order_release);
        for (saved_action& saved : previous) {
            struct sigaction action{};
            action.sa_sigaction = &on_fault;
            action.sa_flags = SA_SIGINFO | SA_ONSTACK;
            ::sigemptyset(&action.sa_mask);
            ::sigaction(saved.signal, nullptr, &saved.action);
            ::sigaction(saved.signal, &action, nullptr);
        }
    });
}

void prepare_thread_for_faults() noexcept {
    thread_local const alternate_stack stack;
    static_cast<void>(stack);
}

} // namespace pirn::os
