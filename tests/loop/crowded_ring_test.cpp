// SPDX-License-Identifier: MIT
//
// io_uring with queues that are full: what has to be asked again is, and what had no place is not asked for too late.
#include <pirn/loop/loop.hpp>
#include <pirn/loop/operations.hpp>

#if PIRN_HAVE_URING
#include "loop/uring/ring.hpp"
#endif
#include "support/answering.hpp"
#include "support/backends.hpp"
#include "support/sockets.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string_view>
#include <thread>

#include <sys/syscall.h>
#include <sys/utsname.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using support::connection;

class crowded_ring : public support::on_each_backend {
  protected:
    // silent: receives that wait, on connections of their own.
    struct silent {
        explicit silent(pirn::loop& loop)
            : pair{connection::unix_stream(loop)}, receive{pair.near(), space} {
            loop.submit(receive);
        }
        connection pair;
        std::array<char, 8> space{};
        support::receive receive;
    };
};

INSTANTIATE_TEST_SUITE_P(crowded, crowded_ring, testing::Values(pirn::backend_kind::uring),
                         support::name_of_backend);

// The kernel gives up the read that wakes us when there is no room for what it has to tell.
TEST_P(crowded_ring, is_woken_again_after_a_wake_for_which_there_was_no_room) {
    make_loop({.submission_slots = 2, .completion_slots = 2});
    for (int round = 0; round < 5; ++round) {
        std::deque<silent> streams;
        for (int i = 0; i < 20; ++i) {
            streams.emplace_back(loop());
        }
        loop().run(run_mode::once, pirn::after(1ms)); // now it listens for wakes
        for (const silent& each : streams) {
            support::say(each.pair.far(), "now");
        }
        loop().wake(); // the last thing to be told, behind twenty others
        ASSERT_TRUE(run_until([&] { return loop().pending() == 0; }));

        // A wake that comes while it waits ends the wait. One that came before would too, so there are some.
        const auto begin = pirn::clock::now();
        for (int i = 0; i < 10; ++i) {
            std::thread other{[&] {
                std::this_thread::sleep_for(1ms);
                loop().wake();
            }};
            loop().run(run_mode::once, pirn::after(5s));
            other.join();
        }
        ASSERT_LT(pirn::clock::now() - begin, 4s) << "a wake was not heard, in round " << round;
    }
}

// The submission queue is full, and the kernel takes nothing for a while: a cancel request waits for a place. Its
// operation ends before, and the next one with the same address is not hit by it.
TEST_P(crowded_ring, forgets_the_cancel_request_of_what_has_ended_meanwhile) {
    std::atomic<bool> full{false};
    const auto answer = [&](const seccomp_data& call) {
        const bool submits = call.args[1] > 0;
        return full.load() && submits ? EAGAIN : 0;
    };
    const bool could = support::run_answering({SYS_io_uring_enter}, answer, [&] {
        pirn::loop loop{{.backend = pirn::backend_kind::uring, .submission_slots = 4}};
        const auto run_until = [&](auto holds) {
            const auto patience = pirn::after(20s);
            while (!holds() && pirn::clock::now() < patience) {
                loop.run(run_mode::once, pirn::after(1ms));
            }
            return holds();
        };
        silent first{loop};
        loop.run(run_mode::nowait); // the kernel has it
        full = true;
        std::deque<silent> others;
        for (int i = 0; i < 6; ++i) {
            others.emplace_back(loop); // four places, and two that wait for one
        }
        loop.cancel(first.receive);
        support::say(first.pair.far(), "weft");
        ASSERT_TRUE(run_until([&] { return first.receive.completions == 1; }));
        EXPECT_EQ(first.receive.result(), 4) << "the result was faster";

        loop.submit(first.receive);
        full = false;
        for (int i = 0; i < 5; ++i) {
            loop.run(run_mode::nowait);
        }
        EXPECT_EQ(first.receive.completions, 1) << "it ended with " << first.receive.result();
        support::say(first.pair.far(), "wool");
        ASSERT_TRUE(run_until([&] { return first.receive.completions == 2; }));
        EXPECT_EQ(first.receive.result(), 4);
        for (silent& each : others) {
            loop.cancel(each.receive);
        }
        ASSERT_TRUE(run_until([&] { return loop.pending() == 0; }));
        for (const silent& each : others) {
            EXPECT_TRUE(each.receive.completed_with(-ECANCELED)) << each.receive.result();
        }
    });
    if (!could) {
        GTEST_SKIP() << "the kernel, or its policy, lets no program answer system calls";
    }
}

#if PIRN_HAVE_URING && !defined(PIRN_ASAN) && !defined(PIRN_TSAN)

// Code that says that a thread waits, and then looks whether there is something, has a fence in between, or a processor looks
// first. That takes less than what a test can hit, so this one looks for the instruction: mfence, or any with a lock.
TEST(ring, fences_what_it_says_off_from_what_it_looks_at_then) {
    utsname machine{};
    ::uname(&machine);
    if (std::string_view{machine.machine} != "x86_64" || sizeof(void*) != 8) {
        GTEST_SKIP() << "the instructions of another processor";
    }
    const auto listen = &pirn::detail::uring_ring::listen;
    std::uintptr_t begin =
        0; // of a function that is not virtual, the first word of the pointer to it
    std::memcpy(&begin, &listen, sizeof begin);
    const auto* const code = reinterpret_cast<const unsigned char*>(begin);
    bool fence = false;
    for (int i = 0; i < 256 && code[i] != 0xc3 && !fence; ++i) { // up to the return
        const bool mfence = code[i] == 0x0f && code[i + 1] == 0xae && code[i + 2] == 0xf0;
        const bool locked = code[i] == 0xf0 && (code[i + 1] == 0x48 || code[i + 1] == 0x83);
        fence = mfence || locked;
    }
    EXPECT_TRUE(fence);
}

#endif

} // namespace
