// SPDX-License-Identifier: MIT
//
// Finding a stack overflow, below the coroutines: who stands on which stack is made up here. With real
// ones it is tests/coro/overflow_test.cpp.
#include "stack/overflow.hpp"

#include <pirn/stack/sources.hpp>

#include "os/fault.hpp"
#include "support/child.hpp"
#include "support/memory.hpp"
#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <csignal>
#include <cstdint>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

using pirn::detail::stack_owner;

// Who is running, according to the test. volatile: it is said right before a fault, which the compiler
// knows nothing of, and a plain store might come after it.
stack_owner running;
volatile bool anybody = false;

bool identify(stack_owner& found) noexcept {
    found = running;
    return anybody;
}

class overflow : public testing::Test {
  protected:
    void SetUp() override {
        stack_ = source_.allocate(8192);
        running = {"made up", std::source_location::current(), stack_};
        anybody = true;
    }
    void TearDown() override { source_.deallocate(stack_); }

    // The byte `below` bytes under the stack.
    volatile std::byte& beyond(std::ptrdiff_t below) const {
        return *(stack_.memory.data() - below);
    }

    pirn::mapped_stack_source source_;
    pirn::stack stack_;
};

// The sanitizers turn a fault into a report of their own, after ours.
testing::AssertionResult died_of_a_fault(const support::child_end& end) {
    if (end.killed_by(SIGSEGV) || (support::under_sanitizer && !end.exited_with(0))) {
        return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << end;
}

TEST_F(overflow, into_the_guard_is_reported_by_name_and_place) {
    const unsigned line = running.spawned_at.line();
    for (const std::ptrdiff_t below : {std::ptrdiff_t{1}, std::ptrdiff_t{65536}}) {
        const auto end = support::in_child([&] {
            pirn::detail::watch_for_overflow(&identify);
            beyond(below) = std::byte{1};
        });
        EXPECT_TRUE(died_of_a_fault(end));
        EXPECT_TRUE(end.said("pirn: stack overflow in coroutine \"made up\"")) << end;
        EXPECT_TRUE(end.said("its stack of 8192 bytes is used up")) << end;
        EXPECT_TRUE(end.said("overflow_test.cpp:" + std::to_string(line))) << end;
    }
}

TEST_F(overflow, is_not_seen_in_other_faults) {
    volatile int* const nowhere = nullptr;
    const auto elsewhere = support::in_child([&] {
        pirn::detail::watch_for_overflow(&identify);
        *nowhere = 1;
    });
    EXPECT_TRUE(died_of_a_fault(elsewhere));
    EXPECT_FALSE(elsewhere.said("stack overflow in coroutine")) << elsewhere;

    const auto nobody = support::in_child([&] {
        pirn::detail::watch_for_overflow(&identify);
        anybody = false;
        beyond(1) = std::byte{1};
    });
    EXPECT_TRUE(died_of_a_fault(nobody));
    EXPECT_FALSE(nobody.said("stack overflow in coroutine")) << nobody;
}

TEST_F(overflow, is_found_on_a_second_thread) {
    const auto end = support::in_child([&] {
        pirn::detail::watch_for_overflow(&identify);
        std::thread{[&] {
            pirn::detail::watch_for_overflow(&identify);
            beyond(1) = std::byte{1};
        }}.join();
    });
    EXPECT_TRUE(died_of_a_fault(end));
    EXPECT_TRUE(end.said("stack overflow in coroutine")) << end;
}

void say_and_leave(int) {
    constexpr std::string_view words = "the program's own handler\n";
    [[maybe_unused]] const auto wrote = ::write(STDERR_FILENO, words.data(), words.size());
    ::_exit(7);
}

TEST_F(overflow, is_reported_before_a_handler_that_was_there_first) {
    const auto plain = support::in_child([&] {
        struct sigaction action{};
        action.sa_handler = &say_and_leave;
        action.sa_flags = SA_ONSTACK;
        ::sigaction(SIGSEGV, &action, nullptr);
        pirn::detail::watch_for_overflow(&identify);
        beyond(1) = std::byte{1};
    });
    EXPECT_TRUE(plain.exited_with(7)) << plain;
    EXPECT_TRUE(plain.said("stack overflow in coroutine")) << plain;
    EXPECT_TRUE(plain.said("the program's own handler")) << plain;

    const auto with_information = support::in_child([&] {
        // The page: some machines tell no more of the address than that.
        static volatile std::uintptr_t expected = 0;
        expected = reinterpret_cast<std::uintptr_t>(&beyond(1)) / support::page_size();
        struct sigaction action{};
        action.sa_sigaction = [](int, siginfo_t* info, void*) {
            const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
            ::_exit(at / support::page_size() == expected ? 8 : 9);
        };
        action.sa_flags = SA_ONSTACK | SA_SIGINFO;
        ::sigaction(SIGSEGV, &action, nullptr);
        pirn::detail::watch_for_overflow(&identify);
        beyond(1) = std::byte{1};
    });
    EXPECT_TRUE(with_information.exited_with(8)) << with_information;
}

TEST_F(overflow, is_not_taken_for_a_signal_that_somebody_sends) {
    const auto sent = support::in_child([] {
        std::signal(SIGSEGV, SIG_DFL);
        pirn::detail::watch_for_overflow(&identify);
        ::raise(SIGSEGV);
        ::_exit(0); // survived
    });
    EXPECT_TRUE(sent.killed_by(SIGSEGV)) << sent;
    EXPECT_FALSE(sent.said("stack overflow in coroutine")) << sent;

    const auto ignored = support::in_child([] {
        std::signal(SIGSEGV, SIG_IGN);
        pirn::detail::watch_for_overflow(&identify);
        ::raise(SIGSEGV);
        ::_exit(3);
    });
    EXPECT_TRUE(ignored.exited_with(3)) << ignored;
}

TEST_F(overflow, gives_each_thread_an_alternate_stack_and_takes_only_its_own_away) {
    SKIP_WHEN(support::under_sanitizer, "the sanitizers have given each thread one already");
    std::thread{[] {
        stack_t before{};
        ::sigaltstack(nullptr, &before);
        EXPECT_NE(before.ss_flags & SS_DISABLE, 0);
        pirn::os::prepare_thread_for_faults();
        pirn::os::prepare_thread_for_faults();
        stack_t after{};
        ::sigaltstack(nullptr, &after);
        EXPECT_EQ(after.ss_flags & SS_DISABLE, 0);
        EXPECT_GE(after.ss_size, std::size_t{16384});
    }}.join();
    std::thread{[] {
        static char users[65536];
        stack_t mine{};
        mine.ss_sp = users;
        mine.ss_size = sizeof users;
        ::sigaltstack(&mine, nullptr);
        pirn::os::prepare_thread_for_faults();
        stack_t after{};
        ::sigaltstack(nullptr, &after);
        EXPECT_EQ(after.ss_sp, static_cast<void*>(users)) << "what was there stays";
    }}.join();
}

TEST_F(overflow, past_a_canary_is_seen_afterwards) {
    const support::raw_memory memory{256};
    const pirn::stack bare{memory.all(), 0};
    pirn::detail::arm_canary(bare);
    EXPECT_TRUE(pirn::detail::canary_alive(bare));
    for (std::size_t i = 0; i < 8; ++i) {
        pirn::detail::arm_canary(bare);
        memory.all()[i] ^= std::byte{1};
        EXPECT_FALSE(pirn::detail::canary_alive(bare)) << "byte " << i;
    }
    memory.all()[8] ^= std::byte{1};
    pirn::detail::arm_canary(bare);
    EXPECT_TRUE(pirn::detail::canary_alive(bare)) << "it takes eight bytes, not more";
}

TEST_F(overflow, report_does_without_name_and_place_and_with_very_long_ones) {
    const auto nameless =
        support::in_child([&] { pirn::detail::report_overflow({{}, {}, stack_}); });
    EXPECT_TRUE(nameless.exited_with(0)) << nameless;
    EXPECT_TRUE(nameless.said("in coroutine \"unnamed\"")) << nameless;
    EXPECT_FALSE(nameless.said("created at")) << nameless;
    const auto endless = support::in_child([&] {
        const std::string name(5000, 'x');
        pirn::detail::report_overflow({name, {}, stack_});
    });
    EXPECT_TRUE(endless.exited_with(0)) << endless;
    EXPECT_EQ(endless.errors.size(), 1024U);
}

} // namespace
