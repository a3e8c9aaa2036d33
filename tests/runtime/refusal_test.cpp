// SPDX-License-Identifier: MIT
//
// A kernel that refuses the event loop to go on: `run` throws once, and everything is destroyed.
#include <pirn/base/live.hpp>
#include <pirn/loop/file.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/loop/socket.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/runtime/blocking.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/child.hpp"
#include "support/forbid.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <system_error>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;

void must(bool holds, int code) {
    if (!holds) {
        ::_exit(code);
    }
}

bool forbid_waiting(int error) {
    return support::forbid({SYS_io_uring_enter, SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2},
                           support::fail_with(error));
}

// Waits for a byte that never comes.
struct waiting {
    waiting() { must(::pipe2(pipe.data(), O_CLOEXEC) == 0, 5); }
    ~waiting() {
        ::close(pipe[0]);
        ::close(pipe[1]);
    }
    int operator()() {
        pirn::awaitable<pirn::poll_operation> readable{pipe[0], short{POLLIN}};
        return pirn::await(readable);
    }
    std::array<int, 2> pipe{};
};

template <class Code>
void in_runtimes(Code code) {
    for (const std::size_t threads : {1U, 4U}) {
        for (const int error : {EPERM, ENOSYS}) {
            const support::child_end end = support::in_child([&] {
                const auto before = pirn::live();
                code(threads, error);
                must(pirn::live() == before, 9);
            });
            EXPECT_TRUE(end.exited_with(0))
                << "errno " << error << ", " << threads << " threads: " << end;
            EXPECT_EQ(end.errors, "");
        }
    }
}

TEST(refusal, leaves_run_once_as_a_system_error) {
    in_runtimes([](std::size_t threads, int error) {
        int ended = 0;
        bool destroyed = false;
        try {
            pirn::run({.threads = threads}, [&] {
                struct guard {
                    ~guard() { at_end = true; }
                    bool& at_end;
                } const at_the_end{destroyed};
                std::array<pirn::join_handle<>, 10> tasks;
                for (auto& task : tasks) {
                    task = pirn::spawn({.worker = pirn::this_worker}, [&] {
                        waiting byte;
                        const int result = byte();
                        must(result == -error || result == -ECANCELED, 6);
                        ++ended;
                    });
                }
                pirn::yield_now();
                must(forbid_waiting(error), 4);
                for (auto& task : tasks) task.get();
                waiting{}();
            });
            ::_exit(7);
        } catch (const std::system_error& refused) {
            must(refused.code().value() == error, 8);
        }
        must(ended == 10 && destroyed, 10);
    });
}

TEST(refusal, ends_sleeping_tasks_and_lets_the_pool_finish) {
    in_runtimes([](std::size_t threads, int error) {
        std::atomic<bool> begun{false};
        bool finished = false;
        try {
            pirn::run({.threads = threads}, [&] {
                auto sleeper = pirn::spawn({.worker = pirn::this_worker}, [&] {
                    try {
                        pirn::sleep_for(1h);
                    } catch (const std::system_error& refused) {
                        must(refused.code().value() == error, 6);
                    }
                });
                auto worker = pirn::spawn({.worker = pirn::this_worker}, [&] {
                    pirn::blocking([&] {
                        begun = true;
                        ::usleep(20'000);
                        finished = true;
                    });
                });
                while (!begun) pirn::yield_now();
                must(forbid_waiting(error), 4);
                waiting{}();
                sleeper.get();
            });
            ::_exit(7);
        } catch (const std::system_error& refused) {
            must(refused.code().value() == error, 8);
        }
        must(finished, 10);
    });
}

TEST(refusal, leaves_a_runtime_that_is_kept_without_another_throw) {
    in_runtimes([](std::size_t threads, int error) {
        pirn::runtime kept{{.threads = threads}};
        int count = 0;
        for (int i = 0; i < 3; ++i) {
            try {
                kept.run([&] {
                    if (i == 0) must(forbid_waiting(error), 4);
                    const int result = waiting{}();
                    must(result == -error || result == -ECANCELED, 6);
                    if (i > 0) pirn::sleep_for(1ms);
                });
            } catch (const std::system_error& refused) {
                must(refused.code().value() == error, 8);
                ++count;
            }
        }
        must(count == 1, 10);
    });
}

TEST(refusal, on_another_thread_leaves_run_too) {
    for (const int error : {EPERM, ENOSYS}) {
        const support::child_end end = support::in_child([&] {
            try {
                pirn::run({.threads = 4}, [&] {
                    auto other = pirn::spawn({.worker = 1}, [&] {
                        must(forbid_waiting(error), 4);
                        waiting{}();
                    });
                    try {
                        other.get();
                    } catch (const pirn::cancelled&) {
                    }
                    waiting{}();
                });
                ::_exit(7);
            } catch (const std::system_error& refused) {
                must(refused.code().value() == error, 8);
            }
        });
        EXPECT_TRUE(end.exited_with(0)) << end;
        EXPECT_EQ(end.errors, "");
    }
}

} // namespace
