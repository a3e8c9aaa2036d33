// SPDX-License-Identifier: MIT
//
// Functions with a limit of time.
#include <pirn/scope/timeout.hpp>

#include <pirn/io/memory_pipe.hpp>
#include <pirn/loop/test_clock.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sync/channel.hpp>
#include <pirn/sync/event.hpp>
#include <pirn/sync/mutex.hpp>
#include <pirn/sync/select.hpp>
#include <pirn/sync/semaphore.hpp>

#include "support/account.hpp"
#include "support/threads.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using timeouts = support::balanced<>;

TEST_F(timeouts, give_the_result_when_it_comes_in_time) {
    pirn::run([] {
        EXPECT_EQ(pirn::with_timeout(1h, [] { return 5; }), 5);
        pirn::with_timeout(1h, [] { pirn::sleep_for(1ms); });
        EXPECT_EQ(*pirn::with_timeout(1h, [] { return std::make_unique<int>(3); }), 3);
        EXPECT_EQ(pirn::try_with_timeout(pirn::after(1h), [] { return 6; }), 6);
        EXPECT_TRUE(pirn::try_with_timeout(1h, [] {}));
    });
}

TEST_F(timeouts, throw_or_give_nothing_when_it_does_not) {
    pirn::run([] {
        const auto forever = [] { pirn::sleep_until(pirn::never); };
        EXPECT_THROW(pirn::with_timeout(1ms, forever), pirn::timed_out);
        try {
            pirn::with_timeout(1ms, forever);
            ADD_FAILURE() << "no timeout";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), std::errc::timed_out);
        }
        EXPECT_FALSE(pirn::try_with_timeout(1ms, forever));
        EXPECT_EQ(pirn::try_with_timeout(1ms,
                                         [&] {
                                             forever();
                                             return 1;
                                         }),
                  std::nullopt);
        EXPECT_THROW(pirn::with_timeout(-1s, [] { pirn::yield_now(); }), pirn::timed_out);
    });
}

TEST_F(timeouts, say_which_limit_was_passed) {
    const auto said = [](auto&& call) -> std::string {
        try {
            call();
        } catch (const pirn::timed_out& error) {
            const pirn::timed_out copy{error};
            EXPECT_EQ(copy.code(), std::errc::timed_out);
            EXPECT_EQ(copy.where().line(), error.where().line());
            return copy.what();
        }
        return "no timeout";
    };
    pirn::run([&] {
        const auto forever = [] { pirn::sleep_until(pirn::never); };
        const std::string place = std::string{std::source_location::current().file_name()} + ":" +
                                  std::to_string(__LINE__ + 1);
        const std::string text = said([&] { pirn::with_timeout(2ms, forever); });
        EXPECT_EQ(text, "timed out after 2 ms, the limit set at " + place);
        EXPECT_TRUE(
            said([&] { pirn::with_timeout(0s, forever); }).starts_with("timed out after 0 s, "));
        EXPECT_TRUE(said([&] {
                        pirn::with_timeout(1500us, forever);
                    }).starts_with("timed out after 1500 us, "));
        EXPECT_TRUE(said([&] {
                        pirn::with_timeout(pirn::now(), forever);
                    }).starts_with("timed out, the limit set at "));
    });
    EXPECT_STREQ(pirn::timed_out{}.what(), "timed out");
}

TEST_F(timeouts, let_errors_pass) {
    pirn::run([] {
        EXPECT_THROW(pirn::with_timeout(1h, [] { throw std::logic_error{"no"}; }),
                     std::logic_error);
    });
}

TEST_F(timeouts, nest_and_the_nearest_counts) {
    pirn::run([] {
        const auto begin = pirn::clock::now();
        EXPECT_THROW(
            pirn::with_timeout(2ms, [] { pirn::with_timeout(1h, [] { pirn::sleep_for(1h); }); }),
            pirn::timed_out);
        bool outer_goes_on = false;
        pirn::with_timeout(1h, [&] {
            EXPECT_THROW(pirn::with_timeout(2ms, [] { pirn::sleep_for(1h); }), pirn::timed_out);
            outer_goes_on = true;
        });
        EXPECT_TRUE(outer_goes_on);
        EXPECT_GE(pirn::clock::now() - begin, 4ms);
    });
}

TEST_F(timeouts, are_not_taken_for_a_request_to_stop) {
    pirn::run([] {
        auto task = pirn::spawn([] { pirn::with_timeout(1h, [] { pirn::sleep_for(1h); }); });
        pirn::yield_now();
        task.request_stop();
        EXPECT_THROW(task.get(), pirn::cancelled);
    });
}

TEST_F(timeouts, keep_a_task_that_may_be_moved_where_the_deadline_is) {
    pirn::run({.threads = 2}, [] {
        const auto moves = [](int turns) {
            const std::thread::id first = support::thread_now();
            for (int i = 0; i < turns && support::thread_now() == first; ++i) {
                // This thread is kept busy, so that the other one takes what it may.
                pirn::spawn({.worker = pirn::this_worker}, [] {
                    const auto end = std::chrono::steady_clock::now() + 200us;
                    while (std::chrono::steady_clock::now() < end) {
                    }
                }).detach();
                pirn::yield_now();
            }
            return support::thread_now() != first;
        };
        pirn::spawn({.migratable = true}, [&moves] {
            EXPECT_FALSE(pirn::with_timeout(1h, [&moves] { return moves(200); }));
            EXPECT_TRUE(moves(5000)); // it could be moved all the time
        }).join();
    });
}

// expect_one_attempt: with a deadline that has passed, `ready` is done and `not_ready` is not waited for.
template <class Ready, class NotReady>
void expect_one_attempt(Ready ready, NotReady not_ready) {
    for (const auto delay : {0ms, -1000ms}) {
        EXPECT_TRUE(pirn::try_with_timeout(delay, ready));
        const auto begin = pirn::clock::now();
        EXPECT_FALSE(pirn::try_with_timeout(delay, not_ready));
        EXPECT_THROW(pirn::with_timeout(delay, not_ready), pirn::timed_out);
        EXPECT_LT(pirn::clock::now() - begin, 5s);
        EXPECT_FALSE(pirn::stop_requested());
    }
}

TEST_F(timeouts, attempt_once_what_can_be_answered_at_once) {
    for (const std::size_t threads : {1U, 4U}) {
        pirn::run({.threads = threads}, [] {
            pirn::channel<int> full{8}, empty{1}, room{8}, no_room{0};
            for (int i = 0; i < 8; ++i) full.send(i);
            expect_one_attempt([&] { EXPECT_TRUE(full.receive()); },
                               [&] { static_cast<void>(empty.receive()); });
            EXPECT_EQ(full.receive(), 2) << "a value for each attempt";
            expect_one_attempt([&] { EXPECT_TRUE(room.send(1)); }, [&] { no_room.send(1); });
            pirn::semaphore free{8}, taken{0};
            expect_one_attempt([&] { free.acquire(); }, [&] { taken.acquire(); });
            EXPECT_EQ(free.available(), 6U);
            pirn::mutex open, locked;
            const std::scoped_lock holds{locked};
            auto other = pirn::spawn([&] {
                expect_one_attempt([&] { const std::scoped_lock lock{open}; },
                                   [&] { locked.lock(); });
            });
            other.get();
            pirn::event set{true}, unset;
            expect_one_attempt([&] { set.wait(); }, [&] { unset.wait(); });
            expect_one_attempt([&] { pirn::select(pirn::on(full.receiving(), [](auto) {})); },
                               [&] { pirn::select(pirn::on(empty.receiving(), [](auto) {})); });
            auto ended = pirn::spawn([] {});
            auto sleeps = pirn::spawn([] { pirn::sleep_for(1h); });
            pirn::sleep_for(1ms);
            expect_one_attempt([&] { ended.join(); }, [&] { sleeps.join(); });
        });
    }
}

TEST_F(timeouts, after_the_deadline_attempt_no_more_than_once) {
    pirn::run([] {
        pirn::semaphore free{8};
        EXPECT_FALSE(pirn::try_with_timeout(0ms, [&] {
            free.acquire();
            free.acquire();
        }));
        EXPECT_EQ(free.available(), 7U);
        EXPECT_FALSE(pirn::try_with_timeout(0ms, [&] {
            for (;;) free.acquire();
        }));
        EXPECT_FALSE(pirn::try_with_timeout(0ms, [] { pirn::sleep_for(1h); }));
        EXPECT_FALSE(pirn::try_with_timeout(0ms, [] { pirn::sleep_for(0ms); }));
        EXPECT_FALSE(pirn::try_with_timeout(0ms, [] { pirn::yield_now(); }));
        EXPECT_TRUE(pirn::try_with_timeout(0ms, [] {})) << "nothing was refused";
        EXPECT_FALSE(pirn::try_with_timeout(0ms, [&] { // one for both
            free.acquire();
            pirn::with_timeout(0ms, [&] { free.acquire(); });
        }));
    });
}

TEST_F(timeouts, say_so_when_a_function_returned_because_of_them) {
    for (const std::size_t threads : {1U, 4U}) {
        pirn::run({.threads = threads}, [] {
            auto [near, far] = pirn::io::memory_pipe();
            std::array<char, 8> buffer{};
            std::error_code error;
            const auto read = [&, &near = near] { return near.read(buffer, error); };
            EXPECT_THROW(pirn::with_timeout(2ms, [&] { read(); }), pirn::timed_out);
            EXPECT_EQ(error, std::errc::operation_canceled);
            EXPECT_THROW(pirn::with_timeout(2ms, read), pirn::timed_out);
            EXPECT_FALSE(pirn::try_with_timeout(2ms, [&] { read(); }));
            EXPECT_EQ(pirn::try_with_timeout(2ms, read), std::nullopt);
            EXPECT_EQ(pirn::try_with_timeout(0ms, read), std::nullopt);
            EXPECT_THROW(pirn::with_timeout(2ms,
                                            [] {
                                                try {
                                                    pirn::sleep_for(1h);
                                                } catch (const pirn::cancelled&) {
                                                }
                                                return 5;
                                            }),
                         pirn::timed_out)
                << "swallowed";
            far.write_all("word");
            EXPECT_EQ(pirn::with_timeout(1h, read), 4U);
            far.write_all("word");
            EXPECT_EQ(pirn::with_timeout(0ms, read), 4U) << "it was there";
        });
    }
}

TEST_F(timeouts, let_a_result_count_that_nothing_was_refused_for) {
    pirn::run([] {
        const auto compute = [] {
            const auto end = pirn::clock::now() + 3ms;
            while (pirn::clock::now() < end) {
            }
            return 7;
        };
        EXPECT_EQ(pirn::with_timeout(1ms, compute), 7) << "late, but to its end";
        EXPECT_EQ(pirn::with_timeout(-1ms, compute), 7);
        auto [near, far] = pirn::io::memory_pipe();
        std::array<char, 8> buffer{};
        std::error_code error;
        EXPECT_EQ(pirn::with_timeout(1h,
                                     [&, &near = near] {
                                         EXPECT_FALSE(pirn::try_with_timeout(
                                             1ms, [&] { std::ignore = near.read(buffer, error); }));
                                         return 3;
                                     }),
                  3)
            << "it was another deadline";
        EXPECT_THROW(pirn::with_timeout(1ms,
                                        [&, &near = near] {
                                            pirn::with_timeout(1h, [&] {
                                                std::ignore = near.read(buffer, error);
                                            });
                                        }),
                     pirn::timed_out)
            << "it was the outer one's";
        pirn::cancel_scope scope{1ms};
        EXPECT_EQ(scope.run([&, &near = near] { return near.read(buffer, error); }), 0U);
        EXPECT_TRUE(scope.cut_short());
        pirn::cancel_scope by_hand{1h};
        EXPECT_TRUE(by_hand.run([&, &near = near] {
            by_hand.cancel();
            std::ignore = near.read(buffer, error);
        }));
        EXPECT_FALSE(by_hand.cut_short()) << "it was no deadline";
    });
}

TEST_F(timeouts, are_not_said_of_a_task_that_was_asked_to_stop) {
    pirn::run([] {
        auto [near, far] = pirn::io::memory_pipe();
        bool came_back = false;
        auto task = pirn::spawn([&, &near = near] {
            std::array<char, 8> buffer{};
            std::error_code error;
            pirn::with_timeout(1h, [&] { std::ignore = near.read(buffer, error); });
            came_back = error == std::errc::operation_canceled;
        });
        pirn::yield_now();
        task.request_stop();
        task.get();
        EXPECT_TRUE(came_back);
    });
}

TEST_F(timeouts, go_by_the_clock_of_a_test) {
    pirn::test_clock time{pirn::when_idle::jumps};
    pirn::run({.loop = {.time = &time}}, [] {
        EXPECT_EQ(pirn::with_timeout(2h,
                                     [] {
                                         pirn::sleep_for(1h);
                                         return 7;
                                     }),
                  7);
        EXPECT_EQ(pirn::now(), pirn::time_point{} + 1h);
        EXPECT_FALSE(pirn::try_with_timeout(2h, [] { pirn::sleep_for(3h); }));
        EXPECT_EQ(pirn::now(), pirn::time_point{} + 3h);
    });
}

} // namespace
