// SPDX-License-Identifier: MIT
//
// A loop inside a foreign one: whoever waits for its descriptor, until its next deadline, misses nothing.
#include <pirn/loop/buffers.hpp>
#include <pirn/loop/file.hpp>
#include <pirn/loop/multishot.hpp>
#include <pirn/loop/test_clock.hpp>
#include <pirn/loop/work.hpp>

#include "support/backends.hpp"
#include "support/edges.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <deque>
#include <string>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::os::handle;
using support::connection;
using support::listener;

class embed_test : public support::on_each_backend {
  protected:
    // wait: the foreign loop's only line: poll(2) for as long as the loop says. How many descriptors are ready.
    int wait(pirn::duration at_most = 20s) {
        const auto deadline = loop().next_deadline();
        const auto rest = std::clamp(deadline - loop().now(), pirn::duration::zero(), at_most);
        pollfd ours{loop().descriptor(), POLLIN, 0};
        const auto seconds = std::chrono::floor<std::chrono::seconds>(rest);
        const timespec timeout{seconds.count(), (rest - seconds).count()};
        ++waits_;
        return ::ppoll(&ours, 1, &timeout, nullptr);
    }

    // is_due: whether a foreign loop should not wait at all.
    bool is_due() {
        const auto deadline = loop().next_deadline();
        return deadline <= loop().now();
    }

    // serve_until: a foreign loop that has nothing else to do. False when that takes absurdly long, or when
    // it would have slept through something.
    template <class Condition>
    bool serve_until(Condition holds) {
        const auto patience = pirn::after(20s);
        while (!holds()) {
            if (pirn::clock::now() >= patience) {
                return false;
            }
            wait();
            loop().run(run_mode::nowait);
        }
        return true;
    }

    // quiet: whether nothing makes the descriptor readable any more, after a few turns.
    bool quiet() {
        for (int i = 0; i < 10; ++i) {
            loop().run(run_mode::nowait);
            if (wait(2ms) == 0) {
                return true;
            }
        }
        return false;
    }

    int waits_ = 0;
};
INSTANTIATE_TEST_SUITE_P(embed, embed_test, support::every_backend(), support::name_of_backend);

TEST_P(embed_test, the_descriptor_is_the_same_each_time_and_quiet_while_nothing_happens) {
    const int descriptor = loop().descriptor();
    EXPECT_GE(descriptor, 0);
    EXPECT_EQ(loop().descriptor(), descriptor);
    EXPECT_EQ(::fcntl(descriptor, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_EQ(loop().next_deadline(), pirn::never);
    EXPECT_TRUE(quiet());
}

TEST_P(embed_test, bytes_for_a_receive_make_it_readable) {
    loop().descriptor();
    connection pair = connection::tcp(loop());
    std::array<char, 16> space{};
    for (int round = 0; round < 100; ++round) {
        support::receive receive{pair.near(), space};
        loop().submit(receive); // only next_deadline hands it over
        if (round == 0) {
            ASSERT_TRUE(quiet()); // epoll tells once that there is room to send
        }
        ASSERT_EQ(wait(0s), 0);
        support::say(pair.far(), "weft");
        ASSERT_EQ(wait(), 1) << "round " << round;
        ASSERT_EQ(loop().run(run_mode::nowait), 1U);
        ASSERT_TRUE(receive.completed_with(4));
    }
    EXPECT_TRUE(quiet());
}

TEST_P(embed_test, an_operation_that_was_in_flight_before_counts_too) {
    connection pair = connection::tcp(loop());
    std::array<char, 16> space{};
    support::receive receive{pair.near(), space};
    loop().submit(receive);
    loop().run(run_mode::once, pirn::after(1ms));
    loop().descriptor();
    support::say(pair.far(), "weft");
    ASSERT_TRUE(serve_until([&] { return receive.completions == 1; }));
    EXPECT_EQ(receive.result(), 4);
}

TEST_P(embed_test, what_has_finished_already_asks_for_a_turn_at_once) {
    support::nop nop;
    loop().submit(nop);
    EXPECT_TRUE(is_due());
    EXPECT_EQ(loop().run(run_mode::nowait), 1U);
    EXPECT_EQ(loop().next_deadline(), pirn::never);
}

TEST_P(embed_test, timers_are_told_by_the_deadline) {
    const auto begin = loop().now();
    support::timer later{begin + 1h};
    support::timer soon{begin + 3ms};
    loop().submit(later);
    EXPECT_EQ(loop().next_deadline(), later.deadline);
    loop().submit(soon);
    EXPECT_EQ(loop().next_deadline(), soon.deadline);
    ASSERT_TRUE(serve_until([&] { return soon.completions == 1; }));
    EXPECT_GE(loop().now(), soon.deadline);
    EXPECT_LE(waits_, 10) << "waiting until the deadline is enough";
    loop().cancel(later);
    EXPECT_TRUE(is_due());
    loop().run();
    EXPECT_EQ(loop().next_deadline(), pirn::never);
}

TEST_P(embed_test, the_deadline_is_in_the_time_of_a_tests_clock) {
    pirn::test_clock clock;
    make_loop({.time = &clock});
    support::timer timer{pirn::time_point{} + 5s};
    loop().submit(timer);
    EXPECT_EQ(loop().next_deadline(), timer.deadline);
    clock.advance(7s);
    EXPECT_EQ(loop().next_deadline(), clock.now());
    EXPECT_EQ(loop().run(run_mode::nowait), 1U);
    make_loop();
}

TEST_P(embed_test, a_wake_makes_it_readable_from_wherever_it_comes) {
    loop().descriptor();
    ASSERT_TRUE(quiet());
    for (int round = 0; round < 50; ++round) {
        loop().wake(); // from this thread, before the wait
        ASSERT_TRUE(is_due());
        loop().run(run_mode::nowait);
        ASSERT_TRUE(quiet()) << "one wake is one, in round " << round;
    }
    std::atomic<int> written{0};
    std::atomic<int> seen{0};
    std::thread other{[&] {
        for (int i = 1; i <= 1'000; ++i) {
            written.store(i, std::memory_order_relaxed); // the wake makes it seen
            loop().wake();
            while (seen.load(std::memory_order_acquire) != i) {
                std::this_thread::yield();
            }
        }
    }};
    for (int i = 1; i <= 1'000; ++i) {
        EXPECT_TRUE(serve_until([&] { return written.load(std::memory_order_relaxed) == i; }));
        seen.store(i, std::memory_order_release);
    }
    other.join();
    EXPECT_TRUE(quiet());
}

TEST_P(embed_test, what_the_blocking_pool_has_done_makes_it_readable) {
    loop().descriptor();
    struct answer : pirn::work_operation {
        answer() : work_operation{[](work_operation&) noexcept { return 42; }, &done} {}
        static void done(pirn::operation& what) noexcept {
            ++static_cast<answer&>(what).completions;
        }
        int completions = 0;
    };
    std::array<answer, 20> all;
    for (int round = 1; round <= 20; ++round) {
        for (answer& each : all) {
            loop().submit(each);
        }
        ASSERT_TRUE(serve_until([&] {
            return std::ranges::all_of(all, [&](auto& each) { return each.completions == round; });
        }));
    }
    EXPECT_TRUE(quiet());
}

// More connections than one operation can hold, bytes for all of them, buffers for few: every way in which a turn
// stops before everything is done.
TEST_P(embed_test, what_a_turn_leaves_for_the_next_is_not_slept_through) {
    constexpr std::size_t clients = 60;
    loop().descriptor();
    const listener door{loop()};
    pirn::buffer_ring buffers{loop(), {.count = 4, .size = 16}};
    using accepting = support::recorded<pirn::accept_many_operation>;
    using receiving = support::recorded<pirn::receive_borrowed_operation>;
    std::deque<handle> near;
    std::deque<handle> far;
    std::deque<receiving> receives;
    std::size_t heard = 0;
    accepting accepts{door.get()};
    accepts.then = [&](auto& self) {
        if (!self.more()) {
            return;
        }
        near.emplace_back(self.result());
        auto& one = receives.emplace_back(near.back().get(), buffers, pirn::shots::many);
        one.then = [&](auto& receive) {
            heard += receive.result() > 0 ? static_cast<std::size_t>(receive.result()) : 0U;
        };
        loop().submit(one);
    };
    loop().submit(accepts);
    for (std::size_t i = 0; i < clients; ++i) {
        far.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(far.back().get(), door.address.get(), door.address.size), 0);
        support::say(far.back().get(), std::string(200, 'x'));
    }
    EXPECT_TRUE(serve_until([&] { return heard == clients * 200; })) << heard;
    EXPECT_TRUE(quiet());
    far.clear();
    EXPECT_TRUE(serve_until([&] {
        return std::ranges::none_of(receives, [](auto& each) { return each.in_flight(); });
    }));
    loop().cancel(accepts);
    EXPECT_TRUE(serve_until([&] { return !accepts.in_flight(); }));
    for (const handle& each : near) {
        loop().release(each.get());
    }
    loop().release(door.get());
}

TEST_P(embed_test, hundreds_of_operations_go_through_a_queue_of_two_places) {
    make_loop({.submission_slots = 2, .completion_slots = 2});
    loop().descriptor();
    std::deque<connection> pairs;
    std::deque<std::array<char, 4>> spaces(300);
    std::deque<support::receive> receives;
    for (auto& space : spaces) {
        pairs.push_back(connection::unix_stream(loop()));
        loop().submit(receives.emplace_back(pairs.back().near(), space));
    }
    wait(0s);
    for (const connection& each : pairs) {
        support::say(each.far(), "now");
    }
    EXPECT_TRUE(serve_until([&] { return loop().pending() == 0; })) << loop().pending();
    EXPECT_TRUE(std::ranges::all_of(receives, [](auto& each) { return each.completed_with(3); }));
}

TEST_P(embed_test, files_make_it_readable) {
    loop().descriptor();
    const handle file{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
    std::array<char, 4> magic{};
    support::recorded<pirn::read_operation> read{file.get(), magic, std::int64_t{0}};
    loop().submit(read);
    EXPECT_TRUE(serve_until([&] { return read.completions == 1; }));
    EXPECT_EQ(read.result(), 4);
    EXPECT_EQ(magic[1], 'E');
}

TEST_P(embed_test, a_foreign_epoll_waits_for_it_by_edges_too) {
    const handle foreign{::epoll_create1(EPOLL_CLOEXEC)};
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    ASSERT_EQ(::epoll_ctl(foreign.get(), EPOLL_CTL_ADD, loop().descriptor(), &event), 0);
    connection pair = connection::tcp(loop());
    std::array<char, 16> space{};
    for (int round = 0; round < 50; ++round) {
        support::receive receive{pair.near(), space};
        loop().submit(receive);
        while (is_due()) {
            loop().run(run_mode::nowait);
        }
        while (support::wait_for_edges(foreign.get(), 0) > 0) {
            loop().run(run_mode::nowait);
        }
        support::say(pair.far(), "weft");
        ASSERT_EQ(support::wait_for_edges(foreign.get(), 20'000), 1);
        ASSERT_EQ(loop().run(run_mode::nowait), 1U);
        ASSERT_TRUE(receive.completed_with(4));
    }
}

TEST_P(embed_test, one_loop_waits_for_another) {
    pirn::loop_options options;
    options.backend = GetParam();
    pirn::loop inner{options};
    support::poll watch{inner.descriptor(), POLLIN};
    connection pair = connection::tcp(inner);
    std::array<char, 16> space{};
    for (int round = 0; round < 50; ++round) {
        support::receive receive{pair.near(), space};
        inner.submit(receive);
        ASSERT_EQ(inner.next_deadline(), pirn::never);
        if (!watch.in_flight()) {
            loop().submit(watch);
        }
        loop().run(run_mode::nowait);
        support::say(pair.far(), "warp");
        while (receive.completions == 0) {
            ASSERT_TRUE(run_until([&] { return !watch.in_flight(); }));
            inner.run(run_mode::nowait);
            inner.next_deadline();
            loop().submit(watch);
        }
        ASSERT_EQ(receive.result(), 4);
    }
    loop().cancel(watch);
    ASSERT_TRUE(run_until([&] { return !watch.in_flight(); }));
}

TEST_P(embed_test, run_may_wait_by_itself_in_between) {
    loop().descriptor();
    connection pair = connection::tcp(loop());
    std::array<char, 16> space{};
    support::receive receive{pair.near(), space};
    for (int round = 1; round <= 20; ++round) {
        loop().submit(receive);
        support::timer timer{pirn::after(100us)};
        loop().submit(timer);
        ASSERT_TRUE(run_until([&] { return timer.completions == 1; }));
        support::say(pair.far(), "weft");
        if (round % 2 == 0) {
            ASSERT_TRUE(run_until([&] { return receive.completions == round; }));
        } else {
            ASSERT_TRUE(serve_until([&] { return receive.completions == round; }));
        }
    }
    EXPECT_TRUE(quiet());
}

} // namespace
