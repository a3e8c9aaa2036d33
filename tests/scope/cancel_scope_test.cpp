// SPDX-License-Identifier: MIT
//
// Cancel scopes: level-triggered, left by who asked, kept off by shields, whatever asks.
#include <pirn/scope/cancel_scope.hpp>

#include <pirn/loop/test_clock.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/task_group.hpp>

#include "support/account.hpp"
#include "support/misuse.hpp"
#include "support/sanitizers.hpp"
#include "support/tasks.hpp"

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using support::stand_still;

class scopes : public support::balanced<> {};

TEST_F(scopes, that_are_not_cancelled_change_nothing) {
    pirn::run([] {
        pirn::cancel_scope scope;
        EXPECT_TRUE(scope.run([] { pirn::yield_now(); }));
        EXPECT_EQ(scope.run([] { return std::string{"result"}; }), "result");
        EXPECT_FALSE(scope.cancel_requested());
        EXPECT_EQ(scope.cause(), "");
        EXPECT_THROW(std::ignore = scope.run([] { throw std::runtime_error{"passes"}; }),
                     std::runtime_error);
        EXPECT_FALSE(pirn::stop_requested());
    });
}

TEST_F(scopes, end_every_suspending_call_until_they_are_left_and_no_longer) {
    pirn::run([] {
        pirn::cancel_scope scope;
        int thrown = 0;
        const bool completed = scope.run([&] {
            scope.cancel("enough");
            EXPECT_TRUE(pirn::stop_requested());
            EXPECT_EQ(pirn::cancel_cause(), "enough");
            for (int i = 0; i < 3; ++i) {
                try {
                    pirn::sleep_for(1h);
                } catch (const pirn::cancelled&) {
                    ++thrown; // swallowed: the next call throws again
                }
            }
            pirn::yield_now();
            FAIL() << "went through";
        });
        EXPECT_FALSE(completed);
        EXPECT_EQ(thrown, 3);
        EXPECT_FALSE(pirn::stop_requested());
        pirn::yield_now(); // does not throw
        EXPECT_EQ(scope.cause(), "enough");
        EXPECT_NE(scope.where().line(), 0U);
    });
}

TEST_F(scopes, can_be_cancelled_before_they_run_and_again_after) {
    pirn::run([] {
        pirn::cancel_scope scope;
        scope.cancel("first");
        scope.cancel("second");
        EXPECT_EQ(scope.cause(), "first");
        EXPECT_FALSE(scope.run([] { pirn::yield_now(); }));
        EXPECT_FALSE(scope.run([] { pirn::yield_now(); })) << "it stays cancelled";
        EXPECT_EQ(scope.run([] { return 7; }), 7) << "what does not suspend comes to its end";
    });
}

TEST_F(scopes, that_wait_are_woken) {
    pirn::run([] {
        pirn::cancel_scope scope;
        auto other = pirn::spawn([&] { scope.cancel(); });
        EXPECT_FALSE(scope.run([] { stand_still(); }));
        other.join();
    });
}

TEST_F(scopes, inside_of_a_cancelled_one_are_cancelled_but_do_not_catch) {
    pirn::run([] {
        pirn::cancel_scope outer;
        bool inner_returned = false;
        EXPECT_FALSE(outer.run([&] {
            pirn::cancel_scope inner;
            outer.cancel("from outside");
            EXPECT_TRUE(inner.run([&] { EXPECT_EQ(pirn::cancel_cause(), "from outside"); }));
            inner.cancel("too");
            inner_returned = inner.run([] { stand_still(); });
            FAIL() << "the exception is the outer one's";
        }));
        EXPECT_FALSE(inner_returned);
    });
}

TEST_F(scopes, of_the_inside_leave_those_around_them_alone) {
    pirn::run([] {
        pirn::cancel_scope outer;
        EXPECT_TRUE(outer.run([&] {
            pirn::cancel_scope inner;
            inner.cancel();
            EXPECT_FALSE(inner.run([] { stand_still(); }));
            EXPECT_FALSE(pirn::stop_requested());
            pirn::yield_now();
        }));
    });
}

TEST_F(scopes, that_are_shielded_do_not_hear_what_is_asked_around_them) {
    pirn::run([] {
        pirn::cancel_scope outer;
        int cleaned_up = 0;
        EXPECT_FALSE(outer.run([&] {
            struct cleaning {
                ~cleaning() {
                    pirn::cancel_scope shield;
                    shield.shield();
                    EXPECT_TRUE(shield.run([] { pirn::sleep_for(1ms); }));
                    EXPECT_TRUE(pirn::stop_requested());
                    ++count;
                }
                int& count;
            } const at_the_end{cleaned_up};
            outer.cancel();
            stand_still();
        }));
        EXPECT_EQ(cleaned_up, 1);
    });
}

TEST_F(scopes, hear_it_when_the_shield_is_taken_away_and_not_when_it_goes_up) {
    pirn::run([] {
        pirn::cancel_scope outer;
        EXPECT_FALSE(outer.run([&] {
            pirn::cancel_scope inner;
            inner.shield();
            std::ignore = inner.run([&] {
                outer.cancel();
                pirn::yield_now();
                inner.shield(false);
                EXPECT_THROW(pirn::yield_now(), pirn::cancelled);
                inner.shield(true);
                pirn::yield_now();
                inner.cancel("its own");
                EXPECT_THROW(pirn::yield_now(), pirn::cancelled);
            });
            pirn::yield_now();
            FAIL() << "the outer one is cancelled";
        }));
    });
}

TEST_F(scopes, end_at_their_deadline_and_not_before) {
    pirn::run([] {
        const auto deadline = pirn::after(3ms);
        pirn::cancel_scope scope{deadline};
        EXPECT_FALSE(scope.run([] { pirn::sleep_for(1h); }));
        EXPECT_GE(pirn::clock::now(), deadline);
        EXPECT_EQ(scope.cause(), "the deadline");
        pirn::cancel_scope past{pirn::clock::now()};
        EXPECT_FALSE(past.run([] { pirn::yield_now(); }));
        pirn::cancel_scope far{1h};
        EXPECT_TRUE(far.run([] { pirn::sleep_for(1ms); }));
    });
}

TEST_F(scopes, can_have_their_deadline_moved) {
    pirn::run([] {
        pirn::cancel_scope scope{1h};
        EXPECT_FALSE(scope.run([&] {
            scope.set_deadline(pirn::after(2ms));
            pirn::sleep_for(1h);
        }));
        pirn::cancel_scope longer{200ms};
        EXPECT_TRUE(longer.run([&] {
            longer.set_deadline(pirn::never);
            pirn::sleep_for(210ms);
        }));
    });
}

TEST_F(scopes, go_down_to_the_tasks_of_groups_inside) {
    pirn::run([] {
        pirn::cancel_scope scope;
        int stopped = 0;
        EXPECT_FALSE(scope.run([&] {
            pirn::task_group group;
            for (int i = 0; i < 3; ++i) {
                group.spawn([&] {
                    try {
                        stand_still();
                    } catch (const pirn::cancelled&) {
                        EXPECT_EQ(pirn::cancel_cause(), "all of you");
                        ++stopped;
                        throw;
                    }
                });
            }
            pirn::yield_now();
            scope.cancel("all of you");
            group.wait();
            FAIL() << "the owner is inside of the scope too";
        }));
        EXPECT_EQ(stopped, 3);
    });
}

TEST_F(scopes, listen_to_a_stop_token_from_any_thread) {
    pirn::run([] {
        std::stop_source source;
        pirn::cancel_scope scope{source.get_token()};
        std::optional<std::thread> other;
        EXPECT_FALSE(scope.run([&] {
            other.emplace([&] { source.request_stop(); });
            stand_still();
        }));
        other->join();
        EXPECT_EQ(scope.cause(), "a stop_token");
        pirn::cancel_scope late{source.get_token()};
        EXPECT_TRUE(late.cancel_requested()) << "requested before";
        std::stop_source here;
        pirn::cancel_scope by_ourselves{here.get_token()};
        EXPECT_FALSE(by_ourselves.run([&] {
            here.request_stop();
            pirn::yield_now();
        }));
    });
}

TEST_F(scopes, may_go_while_a_request_from_another_thread_is_on_its_way) {
    constexpr int rounds = 2000 / support::slowness;
    pirn::run([] {
        for (int i = 0; i < rounds; ++i) {
            std::stop_source source;
            std::jthread other{[&] { source.request_stop(); }};
            pirn::cancel_scope scope{source.get_token()};
            std::ignore = scope.run([&] {
                for (int turn = 0; turn < i % 4; ++turn) pirn::yield_now();
            });
        }
    });
}

TEST_F(scopes, tell_a_stop_token) {
    pirn::run([] {
        pirn::cancel_scope outer;
        std::ignore = outer.run([&] {
            pirn::cancel_scope inner;
            std::ignore = inner.run([&] {
                const std::stop_token token = inner.stop_token();
                int called = 0;
                const std::stop_callback counts{token, [&] { ++called; }};
                EXPECT_FALSE(token.stop_requested());
                outer.cancel();
                EXPECT_TRUE(token.stop_requested());
                EXPECT_EQ(called, 1);
            });
        });
        pirn::cancel_scope cancelled_already;
        cancelled_already.cancel();
        EXPECT_TRUE(cancelled_already.stop_token().stop_requested());
        pirn::cancel_scope around;
        around.cancel();
        std::ignore = around.run([] {
            pirn::cancel_scope enters;
            const std::stop_token token = enters.stop_token();
            std::ignore = enters.run([&] { EXPECT_TRUE(token.stop_requested()); });
        });
    });
}

TEST_F(scopes, that_are_gone_stop_no_token_any_more) {
    pirn::run([] {
        std::stop_token token;
        {
            pirn::cancel_scope scope;
            std::ignore = scope.run([&] { token = scope.stop_token(); });
            EXPECT_TRUE(token.stop_possible());
        }
        EXPECT_FALSE(token.stop_possible()) << "something still holds the source";
        EXPECT_FALSE(token.stop_requested());
    });
}

TEST_F(scopes, that_were_left_in_time_are_not_cancelled_by_their_deadline) {
    pirn::test_clock clock{pirn::when_idle::jumps};
    pirn::run({.loop = {.time = &clock}}, [] {
        pirn::cancel_scope scope{pirn::after(5ms)};
        EXPECT_TRUE(scope.run([] { pirn::yield_now(); }));
        pirn::sleep_for(1h);
        EXPECT_FALSE(scope.cancel_requested());
        EXPECT_EQ(scope.cause(), "");
    });
}

TEST_F(scopes, are_reached_by_the_request_to_stop_their_task) {
    pirn::run([] {
        pirn::cancel_scope scope;
        bool returned = false;
        auto task = pirn::spawn([&] {
            std::ignore = scope.run([] { stand_still(); });
            returned = true;
        });
        pirn::yield_now();
        task.request_stop();
        EXPECT_THROW(task.get(), pirn::cancelled);
        EXPECT_FALSE(returned);
    });
}

// Hazard 49.
TEST_F(scopes, a_million_deep_are_cancelled_at_once) {
    pirn::run([] {
        std::deque<pirn::detail::cancel_node> chain(1'000'000 / support::slowness);
        pirn::cancel_scope top;
        std::ignore = top.run([&] {
            auto* above = pirn::detail::current_task()->innermost;
            for (auto& each : chain) {
                pirn::detail::hang(each, *above);
                above = &each;
            }
            top.cancel();
            EXPECT_TRUE(chain.back().asked);
            for (auto each = chain.rbegin(); each != chain.rend(); ++each) {
                pirn::detail::take_down(*each);
            }
        });
    });
}

TEST_F(scopes, a_million_side_by_side_are_cancelled_at_once) {
    pirn::run([] {
        std::deque<pirn::detail::cancel_node> row(1'000'000 / support::slowness);
        pirn::cancel_scope top;
        std::ignore = top.run([&] {
            auto& above = *pirn::detail::current_task()->innermost;
            for (auto& each : row) {
                pirn::detail::hang(each, above);
            }
            top.cancel();
            for (auto& each : row) {
                ASSERT_TRUE(each.asked);
                pirn::detail::take_down(each);
            }
        });
    });
}

TEST_F(scopes, used_wrongly_say_so) {
    pirn::cancel_scope outside;
    EXPECT_TRUE(
        support::complains([&] { std::ignore = outside.run([] {}); }, "outside of any task"));
    pirn::run([] {
        pirn::cancel_scope scope;
        std::ignore = scope.run([&] {
            EXPECT_TRUE(
                support::complains([&] { std::ignore = scope.run([] {}); }, "inside of itself"));
        });
    });
}

} // namespace
