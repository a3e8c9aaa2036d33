// SPDX-License-Identifier: MIT
//
// A kernel that refuses to be asked: from the first call on, and later, when a policy has become stricter.
#include <pirn/loop/buffers.hpp>
#include <pirn/loop/file.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/loop/multishot.hpp>
#include <pirn/loop/socket.hpp>
#include <pirn/loop/work.hpp>

#include "support/backends.hpp"
#include "support/child.hpp"
#include "support/forbid.hpp"
#include "support/sockets.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using support::connection;
using support::listener;

void require_or_exit(bool holds, int code) {
    if (!holds) {
        ::_exit(code);
    }
}

// All ways in which a thread waits for the kernel here.
bool forbid_waiting(int error) {
    return support::forbid({SYS_io_uring_enter, SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2},
                           support::fail_with(error));
}

TEST(refusal, of_the_first_enter_leaves_the_loop_to_epoll) {
    ::unsetenv("PIRN_BACKEND");
    for (const int error : {EPERM, ENOSYS, EACCES, EINVAL, EAGAIN, EBUSY, EINTR}) {
        const support::child_end end = support::in_child([&] {
            require_or_exit(support::forbid({SYS_io_uring_enter}, support::fail_with(error)), 4);
            for (const auto kind : {pirn::backend_kind::automatic, pirn::backend_kind::uring}) {
                pirn::loop loop{{.backend = kind, .submission_slots = 1}};
                require_or_exit(std::string{loop.backend_name()} == "epoll", 2);
                connection pair = connection::tcp(loop);
                std::array<char, 16> space{};
                support::receive receive{pair.near(), space};
                loop.submit(receive);
                loop.run(run_mode::nowait);
                support::send send{pair.far(), pirn::bytes{"warp"}};
                loop.submit(send);
                loop.run();
                require_or_exit(receive.result() == 4 && send.result() == 4, 3);
            }
        });
        EXPECT_TRUE(end.exited_with(0)) << "errno " << error << ": " << end;
        EXPECT_EQ(end.errors, "");
    }
}

struct later : testing::TestWithParam<pirn::backend_kind> {
    // In a child process, in which the kernel refuses to wait when `code` says so.
    template <class Code>
    static void run(Code code) {
        ::unsetenv("PIRN_BACKEND");
        for (const int error : {EPERM, ENOSYS}) {
            const support::child_end end = support::in_child([&] {
                pirn::loop loop{{.backend = GetParam()}};
                code(loop, error);
            });
            EXPECT_TRUE(end.exited_with(0)) << "errno " << error << ": " << end;
            EXPECT_EQ(end.errors, "");
        }
    }

    // How often run throws until nothing is in flight.
    static int refusals(pirn::loop& loop, int error) {
        int count = 0;
        for (int i = 0; i < 100 && (i == 0 || loop.pending() > 0); ++i) {
            try {
                loop.run(run_mode::once);
            } catch (const std::system_error& refused) {
                require_or_exit(refused.code().value() == error, 20);
                ++count;
            }
        }
        require_or_exit(count == 0 || loop.refusal().value() == error, 21);
        return count;
    }
};
INSTANTIATE_TEST_SUITE_P(refusal, later, support::every_backend(), support::name_of_backend);

TEST_P(later, leaves_run_once_and_ends_what_is_in_flight) {
    run([](pirn::loop& loop, int error) {
        connection pair = connection::tcp(loop);
        listener accepting{loop};
        std::array<int, 2> pipe{};
        require_or_exit(::pipe2(pipe.data(), O_CLOEXEC) == 0, 5);
        {
            std::array<char, 16> space{};
            support::receive receive{pair.near(), space};
            support::accept accept{accepting.get()};
            support::poll poll{pipe[0], short{POLLIN}};
            support::recorded<pirn::accept_many_operation> many{accepting.get()};
            pirn::buffer_ring buffers{loop, {.count = 4, .size = 4096}};
            support::recorded<pirn::receive_borrowed_operation> borrowed{pair.far(), buffers,
                                                                         pirn::shots::many};
            loop.submit(receive);
            loop.submit(accept);
            loop.submit(poll);
            loop.submit(borrowed);
            loop.run(run_mode::nowait);
            require_or_exit(forbid_waiting(error), 4);
            support::recorded<pirn::send_operation> send{pair.far(), pirn::bytes{"weft"}};
            loop.submit(send);
            require_or_exit(refusals(loop, error) == 1, 6);
            require_or_exit(receive.result() == -error && accept.result() == -error &&
                                poll.result() == -error && borrowed.result() == -error,
                            7);
            require_or_exit(send.result() == 4 || send.result() == -error, 8);
            loop.submit(receive); // and so does what comes later
            require_or_exit(loop.run() == 1, 9);
            require_or_exit(receive.result() == -error || receive.result() == 4, 10);
            loop.submit(many);
            require_or_exit(loop.run() == 1 && many.result() == -error, 11);
        }
        require_or_exit(loop.pending() == 0, 12);
    });
}

TEST_P(later, leaves_timers_wakes_and_the_pool_at_work) {
    run([](pirn::loop& loop, int error) {
        support::timer before{pirn::after(30ms)};
        loop.submit(before);
        require_or_exit(forbid_waiting(error), 4);
        support::recorded<pirn::work_operation> long_work{
            +[](pirn::work_operation&) noexcept { return ::usleep(20'000) + 7; }};
        loop.submit(long_work);
        require_or_exit(refusals(loop, error) == 1, 6);
        require_or_exit(before.result() == -error && long_work.result() == 7, 5);
        support::timer after{pirn::after(5ms)};
        loop.submit(after);
        loop.run();
        require_or_exit(after.result() == 0 && pirn::clock::now() >= after.deadline, 7);
        support::recorded<pirn::work_operation> work{
            +[](pirn::work_operation&) noexcept { return ::usleep(2'000) + 7; }};
        loop.submit(work);
        loop.run();
        require_or_exit(work.result() == 7, 8);
        struct statx status{};
        support::recorded<pirn::status_operation> ask{"/", &status};
        loop.submit(ask);
        loop.run();
        require_or_exit(ask.result() == 0, 9);
        loop.wake();
        require_or_exit(loop.run(run_mode::once) == 0, 10);
        std::array<int, 2> pipe{};
        require_or_exit(::pipe2(pipe.data(), O_CLOEXEC) == 0, 11);
        support::recorded<pirn::close_operation> close{pipe[0]};
        loop.submit(close);
        loop.run();
        require_or_exit(close.result() == 0 && ::fcntl(pipe[0], F_GETFD) == -1, 12);
        require_or_exit(loop.next_deadline() == pirn::never, 13);
    });
}

// What was queued for the kernel, and has not gone there.
TEST_P(later, closes_what_was_to_be_closed) {
    run([](pirn::loop& loop, int error) {
        std::deque<support::recorded<pirn::close_operation>> all;
        std::array<int, 2> pipe{};
        require_or_exit(forbid_waiting(error), 4);
        for (int i = 0; i < 400; ++i) {
            require_or_exit(::pipe2(pipe.data(), O_CLOEXEC) == 0, 5);
            for (const int end : pipe) {
                loop.submit(all.emplace_back(end));
            }
        }
        support::timer soon{pirn::after(1ms)}; // epoll has something to wait for
        loop.submit(soon);
        refusals(loop, error);
        for (auto& each : all) {
            require_or_exit(each.result() == 0 && ::fcntl(each.descriptor, F_GETFD) == -1, 6);
        }
    });
}

TEST_P(later, ends_hundreds_of_operations_and_those_that_are_being_cancelled) {
    run([](pirn::loop& loop, int error) {
        struct stream {
            explicit stream(connection between)
                : pair{std::move(between)}, receive{pair.near(), space} {}
            connection pair;
            std::array<char, 16> space{};
            support::receive receive;
        };
        std::deque<stream> all;
        for (int i = 0; i < 600; ++i) {
            loop.submit(all.emplace_back(connection::unix_stream(loop)).receive);
        }
        loop.run(run_mode::nowait);
        require_or_exit(forbid_waiting(error), 4);
        for (std::size_t i = 0; i < all.size(); i += 2) {
            loop.cancel(all[i].receive);
        }
        require_or_exit(refusals(loop, error) == 1, 6);
        for (std::size_t i = 0; i < all.size(); ++i) {
            const int result = all[i].receive.result();
            require_or_exit(result == -ECANCELED || (i % 2 != 0 && result == -error), 7);
        }
    });
}

} // namespace
