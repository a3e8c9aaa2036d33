// SPDX-License-Identifier: MIT
//
// At the limits: queues of one place, no descriptor left, a storm of signals, a kernel that refuses.
#include <pirn/loop/file.hpp>
#include <pirn/loop/loop.hpp>

#include "support/backends.hpp"
#include "support/child.hpp"
#include "support/forbid.hpp"
#include "support/sockets.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <deque>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::os::handle;
using support::connection;
using support::listener;

class limits_test : public support::on_each_backend {};
INSTANTIATE_TEST_SUITE_P(limits, limits_test, support::every_backend(), support::name_of_backend);

// ---- small queues (hazards 30 and 31) -------------------------------------------------------------

// Far more in flight than either ring of the smallest size holds: every receive completes at once
// when the bytes come, so that completions overflow, and the submission queue is always full.
TEST_P(limits_test, hundreds_of_streams_work_through_a_queue_of_one_or_two_places) {
    constexpr int streams = 300;
    for (const unsigned slots : {1U, 2U}) {
        make_loop({.submission_slots = slots, .completion_slots = slots});
        struct stream {
            explicit stream(connection between)
                : pair{std::move(between)}, receive{pair.near(), space},
                  send{pair.far(), pirn::bytes{"0123456789"}} {}
            connection pair;
            std::array<char, 16> space{};
            support::receive receive;
            support::send send;
        };
        std::deque<stream> all;
        for (int i = 0; i < streams; ++i) {
            all.emplace_back(connection::unix_stream(loop()));
        }
        for (int round = 1; round <= 10; ++round) {
            for (stream& each : all) {
                loop().submit(each.receive);
            }
            if (round % 2 == 0) {
                loop().run(run_mode::nowait); // the kernel has them all before the first byte comes
            }
            for (stream& each : all) {
                loop().submit(each.send);
            }
            ASSERT_TRUE(run_until([&] { return loop().pending() == 0; }));
            for (const stream& each : all) {
                ASSERT_EQ(each.receive.completions, round);
                ASSERT_EQ(each.receive.result(), 10);
                ASSERT_EQ(each.send.result(), 10);
            }
        }
    }
}

TEST_P(limits_test, completions_that_all_come_at_once_are_all_delivered) {
    constexpr int streams = 1'000;
    make_loop({.submission_slots = 1, .completion_slots = 2});
    std::deque<connection> pairs;
    std::deque<std::array<char, 4>> spaces(streams);
    std::deque<support::receive> receives;
    for (std::size_t i = 0; i < streams; ++i) {
        pairs.push_back(connection::unix_stream(loop()));
        receives.emplace_back(pairs.back().near(), spaces[i]);
        loop().submit(receives.back());
    }
    loop().run(run_mode::nowait);
    for (const connection& each : pairs) {
        support::say(each.far(), "now");
    }
    EXPECT_EQ(loop().run(), static_cast<std::size_t>(streams));
    for (const support::receive& each : receives) {
        ASSERT_TRUE(each.completed_with(3));
    }
}

TEST_P(limits_test, thousands_of_operations_are_cancelled_through_a_queue_of_two_places) {
    constexpr std::size_t many = 3'000;
    make_loop({.submission_slots = 2, .completion_slots = 2});
    const listener door{loop()};
    std::deque<support::accept> accepts;
    for (std::size_t i = 0; i < many; ++i) {
        accepts.emplace_back(door.get());
        loop().submit(accepts.back());
        if (i % 500 == 0) {
            loop().run(run_mode::nowait);
        }
    }
    EXPECT_EQ(loop().pending(), many);
    for (support::accept& each : accepts) {
        loop().cancel(each);
    }
    EXPECT_EQ(loop().run(), many);
    for (const support::accept& each : accepts) {
        ASSERT_TRUE(each.completed_with(-ECANCELED));
    }
    loop().release(door.get());
}

// ---- no descriptor left (hazard 34) ---------------------------------------------------------------

class descriptor_limit {
  public:
    // No descriptor beyond those that are open now.
    descriptor_limit() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const handle lowest{::dup(0)};
        const rlimit now{static_cast<rlim_t>(lowest.get()), before_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &now), 0);
    }
    ~descriptor_limit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    descriptor_limit(const descriptor_limit&) = delete;
    descriptor_limit& operator=(const descriptor_limit&) = delete;

  private:
    rlimit before_{};
};

TEST_P(limits_test, accept_without_a_descriptor_left_says_so_and_serves_on_later) {
    const listener door{loop()};
    const handle client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    support::accept accept{door.get()};
    {
        const descriptor_limit none_left; // io_uring reads the limit when it takes the request
        loop().submit(accept);
        loop().run(run_mode::nowait);
        ASSERT_EQ(::connect(client.get(), door.address.get(), door.address.size), 0);
        ASSERT_TRUE(run_until([&] { return accept.completions == 1; }));
        EXPECT_EQ(accept.result(), -EMFILE);
        EXPECT_EQ(perform(accept), -EMFILE) << "the connection is still in the queue";
    }
    const handle server{perform(accept)};
    EXPECT_TRUE(server);
    loop().release(door.get());
}

// ---- signals (hazard 41) --------------------------------------------------------------------------

class signal_storm {
  public:
    signal_storm() {
        struct sigaction count{};
        count.sa_handler = [](int) { seen = seen + 1; };
        ::sigaction(SIGALRM, &count, &before_); // without SA_RESTART, on purpose
        const itimerval often{{0, 100}, {0, 100}};
        ::setitimer(ITIMER_REAL, &often, nullptr);
    }
    ~signal_storm() {
        const itimerval stop{};
        ::setitimer(ITIMER_REAL, &stop, nullptr);
        ::sigaction(SIGALRM, &before_, nullptr);
    }
    signal_storm(const signal_storm&) = delete;
    signal_storm& operator=(const signal_storm&) = delete;

    static inline volatile std::sig_atomic_t seen = 0;

  private:
    struct sigaction before_{};
};

TEST_P(limits_test, a_storm_of_signals_is_seen_by_nobody) {
    signal_storm::seen = 0;
    const signal_storm storm;
    connection pair = connection::tcp(loop());
    std::array<char, 64> space{};
    support::receive receive{pair.near(), space};
    support::send send{pair.far(), pirn::bytes{"warp and weft"}};
    int rounds = 0;
    const auto until = pirn::after(150ms);
    while (pirn::clock::now() < until || signal_storm::seen < 20) {
        loop().submit(receive);
        const auto deadline = pirn::after(300us);
        EXPECT_EQ(loop().run(run_mode::once, deadline), 0U)
            << "came back with " << receive.result();
        EXPECT_GE(pirn::clock::now(), deadline) << "a signal has ended the wait";
        ASSERT_EQ(perform(send), 13);
        ASSERT_TRUE(run_until([&] { return !receive.in_flight(); }));
        ASSERT_EQ(receive.result(), 13);
        support::timer timer{pirn::after(500us)};
        ASSERT_EQ(perform(timer), 0);
        ASSERT_GE(pirn::clock::now(), timer.deadline);
        ++rounds;
    }
    EXPECT_GT(rounds, 10);
}

TEST_P(limits_test, a_storm_of_signals_reaches_no_file_no_pipe_and_no_work) {
    signal_storm::seen = 0;
    const signal_storm storm;
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const handle out{ends[0]};
    const handle in{ends[1]};
    std::array<char, 16> space{};
    const auto until = pirn::after(150ms);
    while (pirn::clock::now() < until || signal_storm::seen < 20) {
        support::recorded<pirn::read_operation> waits{out.get(), space, std::int64_t{-1}};
        loop().submit(waits);
        loop().run(run_mode::once, pirn::after(200us));
        ASSERT_TRUE(waits.in_flight()) << waits.result();
        support::recorded<pirn::write_operation> write{in.get(), pirn::bytes{"weft"},
                                                       std::int64_t{-1}};
        ASSERT_EQ(perform(write), 4);
        ASSERT_TRUE(run_until([&] { return !waits.in_flight(); }));
        ASSERT_EQ(waits.result(), 4);
        support::recorded<pirn::open_operation> open{"/proc/self/exe", O_RDONLY, mode_t{0}};
        const handle file{perform(open)};
        ASSERT_TRUE(file) << open.result();
        support::recorded<pirn::read_operation> read{file.get(), space, std::int64_t{0}};
        ASSERT_EQ(perform(read), 16);
        const auto sleep = [](pirn::work_operation&) noexcept { return ::usleep(300); };
        support::recorded<pirn::work_operation> work{+sleep};
        ASSERT_EQ(perform(work), 0) << "threads of the pool are not for the program's signals";
    }
}

// ---- a kernel that refuses (hazard 42) ------------------------------------------------------------

// A round trip, as proof that a loop works. Not with gtest's checks, because it runs in a child.
bool serves(pirn::loop& loop) {
    connection pair = connection::tcp(loop);
    std::array<char, 16> space{};
    support::receive receive{pair.near(), space};
    support::send send{pair.far(), pirn::bytes{"warp"}};
    support::timer timer{pirn::after(1ms)};
    loop.submit(receive);
    loop.submit(timer);
    loop.run(run_mode::nowait);
    loop.submit(send);
    loop.run();
    return receive.result() == 4 && send.result() == 4 && timer.result() == 0;
}

TEST(limits, epoll_serves_without_a_word_where_io_uring_is_refused) {
    ::unsetenv("PIRN_BACKEND");
    for (const int error : {EPERM, ENOSYS, ENOMEM, EMFILE, EINVAL}) {
        const support::child_end end = support::in_child([&] {
            if (!support::forbid({SYS_io_uring_setup}, support::fail_with(error))) {
                ::_exit(4);
            }
            for (const auto kind : {pirn::backend_kind::automatic, pirn::backend_kind::uring}) {
                pirn::loop loop{{.backend = kind}};
                if (std::string{loop.backend_name()} != "epoll") {
                    ::_exit(2);
                }
                if (!serves(loop)) {
                    ::_exit(3);
                }
            }
        });
        EXPECT_TRUE(end.exited_with(0)) << "errno " << error << ": " << end;
        EXPECT_EQ(end.errors, "");
    }
}

// The ring can be had, but not what comes next.
TEST(limits, epoll_serves_where_io_uring_cannot_be_probed) {
    ::unsetenv("PIRN_BACKEND");
    const support::child_end end = support::in_child([&] {
        if (!support::forbid({SYS_io_uring_register}, support::fail_with(EPERM))) {
            ::_exit(4);
        }
        pirn::loop loop;
        if (std::string{loop.backend_name()} != "epoll" || !serves(loop)) {
            ::_exit(2);
        }
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
}

TEST(limits, epoll_serves_where_the_kernel_has_no_wait_in_nanoseconds) {
    ::unsetenv("PIRN_BACKEND");
    for (const int error : {ENOSYS, EPERM}) {
        const support::child_end end = support::in_child([&] {
            if (!support::forbid({SYS_epoll_pwait2}, support::fail_with(error))) {
                ::_exit(4);
            }
            pirn::loop loop{{.backend = pirn::backend_kind::epoll}};
            if (!serves(loop)) {
                ::_exit(2);
            }
            for (const auto delay : {1us, 999us, 1001us}) {
                support::timer timer{pirn::after(delay)};
                loop.submit(timer);
                loop.run();
                if (pirn::clock::now() < timer.deadline) {
                    ::_exit(3);
                }
            }
        });
        EXPECT_TRUE(end.exited_with(0)) << "errno " << error << ": " << end;
    }
}

TEST(limits, a_loop_that_cannot_be_had_says_why_and_leaves_nothing_behind) {
    ::unsetenv("PIRN_BACKEND");
    for (const long missing : {SYS_eventfd2, SYS_epoll_create1, SYS_epoll_ctl}) {
        const support::child_end end = support::in_child([&] {
            // By policy and not by using descriptors up: UBSan needs some for its own checks.
            if (!support::forbid({SYS_io_uring_setup}, support::fail_with(EPERM)) ||
                !support::forbid({missing}, support::fail_with(EMFILE))) {
                ::_exit(4);
            }
            const auto before = pirn::live();
            try {
                pirn::loop loop;
                ::_exit(2);
            } catch (const std::system_error& refused) {
                if (refused.code() != std::errc::too_many_files_open || pirn::live() != before) {
                    ::_exit(3);
                }
            }
        });
        EXPECT_TRUE(end.exited_with(0)) << "system call " << missing << ": " << end;
    }
}

// A scheduler asks its loop every few microseconds whether anything has happened.
TEST(limits, a_look_at_an_idle_loop_makes_no_system_call) {
    ::unsetenv("PIRN_BACKEND");
    for (const auto kind : {pirn::backend_kind::uring, pirn::backend_kind::epoll}) {
        const support::child_end end = support::in_child([&] {
            pirn::loop loop{{.backend = kind}};
            if (!serves(loop)) { // so that it is not idle merely because it is new
                ::_exit(2);
            }
            support::timer late{pirn::never};
            loop.submit(late);
            if (!support::forbid({SYS_io_uring_enter, SYS_epoll_wait, SYS_epoll_pwait,
                                  SYS_epoll_pwait2, SYS_epoll_ctl, SYS_read},
                                 support::die)) {
                ::_exit(4);
            }
            for (int i = 0; i < 100; ++i) {
                loop.run(run_mode::nowait);
            }
            support::nop nop;
            loop.submit(nop);
            if (loop.run(run_mode::nowait) != 1) {
                ::_exit(3);
            }
            loop.cancel(late);
            loop.run(run_mode::nowait);
        });
        EXPECT_TRUE(end.exited_with(0)) << end;
    }
}

} // namespace
