// SPDX-License-Identifier: MIT
//
// Work on other threads: results, cancellation at each stage, interruption, and a loop that goes away.
#include <pirn/loop/work.hpp>

#include <pirn/loop/blocking_pool.hpp>
#include <pirn/os/handle.hpp>

#include "support/backends.hpp"
#include "support/child.hpp"
#include "support/sanitizers.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <deque>
#include <memory>
#include <random>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::os::handle;

// A gate that work waits at, however long it takes.
struct gate {
    std::atomic<int> arrived{0};
    std::atomic<bool> open{false};

    void wait() {
        ++arrived;
        arrived.notify_all();
        open.wait(false);
    }
    void lift() {
        open = true;
        open.notify_all();
    }
    void wait_for_arrivals(int count) {
        for (int seen = arrived; seen < count; seen = arrived) {
            arrived.wait(seen);
        }
    }
};

using function = pirn::work_operation::function;

struct work_with_gate : support::recorded<pirn::work_operation> {
    explicit work_with_gate(gate& at) : recorded{function{&run_it}}, waits_at{at} {}
    static int run_it(pirn::work_operation& what) noexcept {
        static_cast<work_with_gate&>(what).waits_at.wait();
        return 7;
    }
    gate& waits_at;
};

using work = support::recorded<pirn::work_operation>;

int answer(pirn::work_operation& /*what*/) noexcept { return 42; }

// Reads from a pipe that stays empty until it is told to stop.
struct reading : support::recorded<pirn::work_operation> {
    explicit reading(int pipe) : recorded{function{&run_it}}, descriptor{pipe} {}
    static int run_it(pirn::work_operation& what) noexcept {
        auto& self = static_cast<reading&>(what);
        char space = 0;
        for (;;) {
            self.begun = true;
            self.begun.notify_all();
            for (const auto until = pirn::after(self.dawdles); pirn::clock::now() < until;) {
            }
            const ssize_t got = ::read(self.descriptor, &space, 1);
            if (got >= 0) {
                return static_cast<int>(got);
            }
            if (errno != EINTR || self.stop_requested()) {
                return -errno;
            }
        }
    }
    int descriptor;
    std::atomic<bool> begun{false};
    std::chrono::milliseconds dawdles{0}; // between saying that it begins and beginning
};

class work_test : public support::on_each_backend {
  protected:
    void use_pool(const pirn::blocking_pool_options& options) {
        pool = std::make_shared<pirn::blocking_pool>(options);
        make_loop({.pool = pool});
    }
    void TearDown() override {
        on_each_backend::TearDown();
        pool.reset();
    }
    std::shared_ptr<pirn::blocking_pool> pool;
};
INSTANTIATE_TEST_SUITE_P(work, work_test, support::every_backend(), support::name_of_backend);

TEST_P(work_test, runs_on_another_thread_and_completes_with_its_result) {
    struct who : support::recorded<pirn::work_operation> {
        who()
            : recorded{function{[](pirn::work_operation& what) noexcept {
                  static_cast<who&>(what).thread = std::this_thread::get_id();
                  return 42;
              }}} {}
        std::thread::id thread;
    } asked;
    EXPECT_EQ(perform(asked), 42);
    EXPECT_NE(asked.thread, std::thread::id{});
    EXPECT_NE(asked.thread, std::this_thread::get_id());
}

TEST_P(work_test, does_not_end_a_run_until_idle_early) {
    gate door;
    work_with_gate slow{door};
    work quick{function{&answer}};
    loop().submit(slow);
    loop().submit(quick);
    quick.then = [&](auto&) { door.lift(); };
    EXPECT_EQ(loop().run(), 2U) << "the bell of the pool was taken for a wake";
    EXPECT_TRUE(slow.completed_with(7));
}

TEST_P(work_test, may_be_far_more_than_there_are_threads_and_all_is_done_in_order) {
    use_pool({.threads_max = 1});
    std::deque<work> many;
    std::vector<int> order;
    for (int i = 0; i < 1'000; ++i) {
        many.emplace_back(function{&answer}).then = [&order, i](auto&) { order.push_back(i); };
        loop().submit(many.back());
    }
    EXPECT_LE(pool->queued(), 16U) << "the queue has no bound";
    EXPECT_EQ(loop().run(), 1'000U);
    EXPECT_EQ(pool->threads(), 1U);
    for (int i = 0; i < 1'000; ++i) {
        ASSERT_EQ(order[static_cast<std::size_t>(i)], i);
        ASSERT_TRUE(many[static_cast<std::size_t>(i)].completed_with(42));
    }
}

TEST_P(work_test, never_runs_when_cancelled_while_it_waits) {
    use_pool({.threads_max = 2});
    gate door;
    std::deque<work_with_gate> running;
    for (int i = 0; i < 2; ++i) {
        loop().submit(running.emplace_back(door));
    }
    door.wait_for_arrivals(2);
    // Some wait in the pool's queue, most in the loop's own list.
    static std::atomic<int> ran;
    ran = 0;
    std::deque<work> queued;
    for (int i = 0; i < 100; ++i) {
        loop().submit(queued.emplace_back(function{[](pirn::work_operation&) noexcept {
            ++ran;
            return 0;
        }}));
    }
    for (work& each : queued) {
        loop().cancel(each);
    }
    ASSERT_TRUE(run_until([&] { return loop().pending() == 2; }));
    for (const work& each : queued) {
        EXPECT_TRUE(each.completed_with(-ECANCELED));
    }
    EXPECT_EQ(pool->queued(), 0U);
    door.lift();
    loop().run();
    EXPECT_EQ(ran, 0);
}

TEST_P(work_test, that_runs_is_interrupted_in_its_system_call_when_cancelled) {
    std::array<int, 2> both{};
    ASSERT_EQ(::pipe2(both.data(), O_CLOEXEC), 0);
    const handle reader{both[0]};
    const handle writer{both[1]};
    for (int round = 0; round < 200 / support::slowness; ++round) {
        reading blocked{reader.get()};
        loop().submit(blocked);
        blocked.begun.wait(false); // it is about to begin its call, or in it: the race is the point
        loop().cancel(blocked);
        EXPECT_EQ(blocked.completions, 0);
        loop().run();
        ASSERT_TRUE(blocked.completed_with(-ECANCELED)) << blocked.result();
    }
}

// The first signal comes before the system call, which it then does not end.
TEST_P(work_test, that_is_slow_to_begin_its_system_call_is_interrupted_all_the_same) {
    std::array<int, 2> both{};
    ASSERT_EQ(::pipe2(both.data(), O_CLOEXEC), 0);
    const handle reader{both[0]};
    const handle writer{both[1]};
    reading blocked{reader.get()};
    blocked.dawdles = 5ms;
    loop().submit(blocked);
    blocked.begun.wait(false);
    loop().cancel(blocked);
    loop().run(run_mode::until_idle, pirn::after(10s));
    EXPECT_TRUE(blocked.completed_with(-ECANCELED)) << blocked.result();
    if (blocked.in_flight()) {
        EXPECT_EQ(::write(writer.get(), "x", 1), 1); // gets it out
        loop().run();
    }
}

TEST_P(work_test, that_looks_at_nothing_runs_to_its_end_when_cancelled) {
    gate door;
    work_with_gate deaf{door};
    loop().submit(deaf);
    door.wait_for_arrivals(1);
    loop().cancel(deaf);
    EXPECT_TRUE(deaf.stop_requested());
    loop().run(run_mode::once, pirn::after(10ms));
    EXPECT_TRUE(deaf.in_flight());
    door.lift();
    loop().run();
    EXPECT_TRUE(deaf.completed_with(7));
}

// The signal that was meant for one operation must not end a system call of the next one.
TEST_P(work_test, that_follows_an_interrupted_one_on_its_thread_is_left_alone) {
    use_pool({.threads_max = 1});
    std::array<int, 2> both{};
    ASSERT_EQ(::pipe2(both.data(), O_CLOEXEC), 0);
    const handle reader{both[0]};
    const handle writer{both[1]};
    struct napping : support::recorded<pirn::work_operation> {
        napping()
            : recorded{function{[](pirn::work_operation&) noexcept {
                  const timespec nap{0, 200'000};
                  return ::nanosleep(&nap, nullptr) == 0 ? 0 : -errno;
              }}} {}
    };
    for (int round = 0; round < 200 / support::slowness; ++round) {
        reading blocked{reader.get()};
        napping next;
        loop().submit(blocked);
        loop().submit(next);
        blocked.begun.wait(false);
        loop().cancel(blocked);
        loop().run();
        ASSERT_TRUE(next.completed_with(0)) << next.result();
    }
}

TEST_P(work_test, cancelled_at_a_random_moment_completes_once) {
    constexpr int rounds = 20'000 / support::slowness;
    use_pool({.threads_max = 2});
    std::mt19937 random{31}; // NOLINT: the same every time
    int ran = 0;
    int cancelled = 0;
    for (int round = 0; round < rounds; ++round) {
        work one{function{&answer}};
        work other{function{&answer}};
        loop().submit(one);
        loop().submit(other);
        for (auto pause = random() % 3'000; pause > 0; --pause) {
            std::atomic_signal_fence(std::memory_order_seq_cst); // burn a little time
        }
        if (random() % 8 == 0) {
            loop().run(run_mode::once, pirn::after(std::chrono::microseconds{random() % 1'000}));
        }
        if (one.in_flight()) {
            loop().cancel(one);
        }
        loop().run();
        ASSERT_EQ(one.completions, 1);
        ASSERT_TRUE(other.completed_with(42));
        ASSERT_TRUE(one.result() == 42 || one.result() == -ECANCELED);
        ++(one.result() == 42 ? ran : cancelled);
    }
    EXPECT_GT(ran, 0);
    EXPECT_GT(cancelled, 0);
}

TEST_P(work_test, may_submit_itself_again_from_its_completion) {
    work again{function{&answer}};
    again.then = [&](auto& self) {
        if (self.completions < 100) {
            loop().submit(self);
        }
    };
    loop().submit(again);
    EXPECT_EQ(loop().run(), 100U);
}

// The thread that rings the bell last must not find the loop gone.
TEST_P(work_test, leaves_a_loop_that_ends_right_after_it_in_peace) {
    use_pool({.threads_max = 2});
    for (int round = 0; round < 300 / support::slowness; ++round) {
        std::deque<work> few;
        for (int i = 0; i < 4; ++i) {
            loop().submit(few.emplace_back(function{&answer}));
        }
        loop().run();
        make_loop({.pool = pool});
    }
}

TEST_P(work_test, in_a_child_process_is_refused_and_the_parent_goes_on) {
    SKIP_WHEN(support::under_thread_sanitizer, "it ends a child that forks beside threads");
    work first{function{&answer}};
    EXPECT_EQ(perform(first), 42);
    const support::child_end end = support::in_child([&] {
        work there{function{&answer}};
        if (perform(there) != -ESRCH) {
            ::_exit(1);
        }
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
    work after_it{function{&answer}};
    EXPECT_EQ(perform(after_it), 42);
}

} // namespace
