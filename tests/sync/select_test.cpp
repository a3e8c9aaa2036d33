// SPDX-License-Identifier: MIT
//
// select with every kind of case; that the losers have had no effect; two selects that face each other; and that
// it is fair.
#include <pirn/sync/select.hpp>

#include <pirn/base/error.hpp>
#include <pirn/base/time.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sync/channel.hpp>

#include "support/misuse.hpp"
#include "sync/actions.hpp"
#include "sync/crew.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using pirn::on;

using select = sync_tests::with_crews;
using selects = support::balanced<>;
using sync_tests::crew;

// Four selects that each send on one channel or receive from the other: all of them are on both sides at once.
TEST_P(select, faces_other_selects_without_losing_or_doubling_a_value) {
    constexpr int rounds = 400;
    constexpr int parties = 4;
    pirn::channel<int> left;
    pirn::channel<int> right;
    std::atomic<long> sent{0};
    std::atomic<long> received{0};
    std::atomic<long> sum{0};
    pirn::event all_over;
    crew all{GetParam()};
    for (int party = 0; party < parties; ++party) {
        all.add([&, party] {
            auto& to = party % 2 == 0 ? left : right;
            auto& from = party % 2 == 0 ? right : left;
            for (int done = 0; done < rounds; ++done) {
                pirn::select(on(to.sending(party + 1),
                                [&](bool ok) {
                                    EXPECT_TRUE(ok);
                                    ++sent;
                                    sum += party + 1;
                                }),
                             on(from.receiving(),
                                [&](std::optional<int> got) {
                                    ++received;
                                    sum -= *got;
                                }),
                             on(all_over, nothing));
            }
            all_over.set(); // with one gone, another might wait for ever
        });
    }
    all.run();
    EXPECT_EQ(sent, received);
    EXPECT_EQ(sum, 0);
}

TEST_P(select, receives_everything_that_many_senders_send_on_several_channels) {
    std::array<pirn::channel<int>, 3> channels;
    std::vector<std::atomic<int>> seen(600);
    std::atomic<int> number{0};
    std::atomic<int> left{600};
    pirn::event finished;
    crew all{GetParam()};
    all.add(3, [&] {
        const int mine = number++;
        for (int i = 0; i < 200; ++i) {
            channels[static_cast<std::size_t>(mine)].send(mine * 200 + i);
        }
    });
    all.add(3, [&] {
        bool more = true;
        const auto note = [&](std::optional<int> got) {
            ++seen[static_cast<std::size_t>(*got)];
            if (--left == 0) finished.set();
        };
        while (more) {
            pirn::select(on(channels[0].receiving(), note), on(channels[1].receiving(), note),
                         on(channels[2].receiving(), note), on(finished, [&] { more = false; }));
        }
    });
    all.run();
    for (const auto& count : seen) EXPECT_EQ(count, 1);
}

TEST_P(select, gives_an_auto_event_to_one_only) {
    pirn::auto_event one;
    pirn::auto_event other;
    std::atomic<int> taken{0};
    pirn::channel<int> acknowledged{pirn::unbounded};
    crew all{GetParam()};
    all.add(3, [&] {
        for (bool more = true; more;) {
            pirn::select(on(one,
                            [&] {
                                ++taken;
                                acknowledged.send(1);
                            }),
                         on(other, [&] {
                             other.set(); // the next one too
                             more = false;
                         }));
        }
    });
    all.add([&] {
        for (int i = 0; i < 300; ++i) {
            one.set();
            acknowledged.receive();
        }
        other.set();
    });
    all.run();
    EXPECT_EQ(taken, 300);
}

// Hazard 45: the loop ends only if the sleeper is let to wake up.
TEST_F(selects, and_sends_that_are_always_answered_at_once_do_not_starve_timers) {
    pirn::run([] {
        bool woken = false;
        auto sleeper = pirn::spawn([&] {
            pirn::sleep_for(5ms);
            woken = true;
        });
        pirn::channel<int> some{1};
        while (!woken) {
            some.send(1);
            pirn::select(on(some.receiving(), ignore), on(pirn::never, nothing));
        }
        sleeper.join();
    });
}

TEST_F(selects, leave_the_losing_cases_as_they_were) {
    pirn::scheduler tasks;
    pirn::channel<std::unique_ptr<int>> out;
    pirn::channel<int> in;
    pirn::auto_event passes;
    pirn::event wins;
    auto value = std::make_unique<int>(1);
    auto waits = tasks.spawn([&] {
        return pirn::select(on(out.sending(std::move(value)), ignore), on(in.receiving(), ignore),
                            on(passes, nothing), on(wins, nothing));
    });
    tasks.tick();
    EXPECT_NE(value, nullptr) << "nothing is moved before it is the one";
    wins.set();
    passes.set();
    EXPECT_FALSE(out.try_receive());
    EXPECT_FALSE(in.try_send(1));
    EXPECT_EQ(waits.get(), 3U);
    EXPECT_NE(value, nullptr);
    EXPECT_TRUE(passes.try_wait()) << "the set went to nobody else";
}

TEST_F(selects, return_what_the_function_of_the_winner_returns) {
    pirn::channel<int> full{1};
    full.send(20);
    const long got =
        pirn::select(on(full.receiving(), [](std::optional<int> value) { return *value; }),
                     on(pirn::never, [] { return 1L; }));
    EXPECT_EQ(got, 20);
    EXPECT_EQ(pirn::select(on(full.sending(5), ignore)), 0U);
    EXPECT_EQ(pirn::select(on(full.sending(5), ignore), on(full.receiving(), ignore)), 1U);
}

TEST_F(selects, let_the_exception_of_the_function_out) {
    pirn::event ready{true};
    EXPECT_THROW(pirn::select(on(ready, [] { throw std::runtime_error{"out"}; })),
                 std::runtime_error);
}

TEST_F(selects, wait_for_the_time_in_a_task) {
    pirn::run([] {
        pirn::channel<int> silent;
        const auto begin = pirn::clock::now();
        EXPECT_EQ(pirn::select(on(silent.receiving(), ignore), on(pirn::after(1h), nothing),
                               on(pirn::after(20ms), nothing)),
                  2U);
        EXPECT_GE(pirn::clock::now() - begin, 20ms);
        EXPECT_EQ(pirn::select(on(silent.receiving(), ignore), on(begin, nothing)), 1U);
        auto sender = pirn::spawn([&] { silent.send(1); });
        EXPECT_EQ(pirn::select(on(silent.receiving(), ignore), on(pirn::after(1h), nothing)), 0U);
        sender.join();
        EXPECT_EQ(pirn::live().timers, 0) << "the timer that lost is gone";
    });
}

TEST_F(selects, wait_for_the_time_in_a_thread) {
    pirn::channel<int> silent;
    const auto begin = pirn::clock::now();
    EXPECT_EQ(pirn::select(on(silent.receiving(), ignore), on(pirn::after(20ms), nothing)), 1U);
    EXPECT_GE(pirn::clock::now() - begin, 20ms);
    EXPECT_FALSE(silent.try_send(1)) << "nobody waits any more";
    std::jthread sender{[&] { silent.send(1); }};
    EXPECT_EQ(pirn::select(on(silent.receiving(), ignore), on(pirn::after(1h), nothing)), 0U);
}

TEST_F(selects, race_the_time_against_a_value_and_lose_neither) {
    pirn::run([] {
        pirn::channel<int> between;
        constexpr int rounds = 300;
        int received = 0;
        auto sender = pirn::spawn([&] {
            for (int i = 0; i < rounds; ++i) {
                pirn::sleep_for(std::chrono::microseconds{i % 7 * 10});
                between.send(i);
            }
            between.close();
        });
        for (bool more = true; more;) {
            pirn::select(on(between.receiving(),
                            [&](std::optional<int> got) {
                                more = got.has_value();
                                if (got) {
                                    EXPECT_EQ(*got, received++);
                                }
                            }),
                         on(pirn::after(30us), nothing));
        }
        EXPECT_EQ(received, rounds);
        sender.join();
    });
}

TEST_F(selects, wait_for_the_end_of_tasks) {
    pirn::scheduler tasks;
    pirn::event go;
    auto slow = tasks.spawn([&] { go.wait(); });
    auto fast = tasks.spawn([] {
        pirn::yield_now();
        return 7;
    });
    auto waits = tasks.spawn([&] {
        EXPECT_EQ(pirn::select(on(slow, nothing), on(fast, nothing)), 1U);
        EXPECT_EQ(fast.get(), 7);
        go.set();
        EXPECT_EQ(pirn::select(on(slow, nothing)), 0U);
        EXPECT_EQ(pirn::select(on(slow, nothing)), 0U) << "it has ended already";
    });
    waits.get();
}

TEST_F(selects, wait_for_a_stop_token) {
    std::stop_source source;
    pirn::channel<int> silent;
    std::jthread stopper{[&] { source.request_stop(); }};
    EXPECT_EQ(pirn::select(on(silent.receiving(), ignore), on(source.get_token(), nothing)), 1U);
    stopper.join();
    pirn::scheduler tasks;
    std::stop_source other;
    auto waits = tasks.spawn([&] {
        EXPECT_EQ(pirn::select(on(silent.receiving(), ignore), on(source.get_token(), nothing)),
                  1U);
        return pirn::select(on(silent.receiving(), ignore), on(other.get_token(), nothing));
    });
    tasks.tick();
    std::jthread{[&] { other.request_stop(); }}.join();
    EXPECT_EQ(waits.get(), 1U);
}

TEST_F(selects, do_not_hear_of_a_stop_that_comes_once_they_are_decided) {
    pirn::scheduler tasks;
    std::stop_source source;
    pirn::channel<int> some;
    auto waits = tasks.spawn([&] {
        const auto stops = [&](std::optional<int>) {
            source.request_stop();
        }; // the other case still exists
        return pirn::select(on(some.receiving(), stops), on(source.get_token(), nothing));
    });
    tasks.tick();
    EXPECT_TRUE(some.try_send(1));
    EXPECT_EQ(waits.get(), 0U);
    EXPECT_TRUE(source.stop_requested());
}

TEST_F(selects, end_when_the_task_is_asked_to_stop_and_then_nothing_has_happened) {
    pirn::scheduler tasks;
    pirn::channel<std::unique_ptr<int>> out;
    pirn::auto_event passes;
    auto value = std::make_unique<int>(1);
    auto stopped = tasks.spawn([&] {
        EXPECT_THROW(pirn::select(on(out.sending(std::move(value)), ignore), on(passes, nothing)),
                     pirn::cancelled);
    });
    tasks.tick();
    stopped.request_stop();
    passes.set();
    EXPECT_FALSE(out.try_receive());
    stopped.get();
    EXPECT_NE(value, nullptr);
    EXPECT_TRUE(passes.try_wait());
}

TEST_F(selects, that_were_decided_before_the_request_to_stop_keep_what_they_got) {
    pirn::scheduler tasks;
    pirn::channel<int> one;
    pirn::channel<int> other;
    auto waits = tasks.spawn([&] {
        const auto value = [](std::optional<int> got) { return *got; };
        return pirn::select(on(one.receiving(), value), on(other.receiving(), value));
    });
    tasks.tick();
    EXPECT_TRUE(other.try_send(3));
    EXPECT_FALSE(one.try_send(4));
    waits.request_stop();
    EXPECT_EQ(waits.get(), 3);
}

TEST_F(selects, choose_evenly_among_all_that_are_ready) {
    std::array<pirn::channel<int>, 4> some{pirn::channel<int>{1}, pirn::channel<int>{1},
                                           pirn::channel<int>{1}, pirn::channel<int>{1}};
    pirn::channel<int> silent;
    for (auto& each : some) each.send(1);
    std::array<int, 5> won{};
    constexpr int rounds = 10'000;
    for (int i = 0; i < rounds; ++i) {
        const std::size_t which =
            pirn::select(on(some[0].receiving(), ignore), on(silent.receiving(), ignore),
                         on(some[1].receiving(), ignore), on(some[2].receiving(), ignore),
                         on(some[3].receiving(), ignore));
        ++won[which];
        some[which == 0 ? 0 : which - 1].send(1);
    }
    EXPECT_EQ(won[1], 0);
    for (const std::size_t which : {0U, 2U, 3U, 4U}) {
        EXPECT_NEAR(won[which], rounds / 4, 5 * 44) << "case " << which; // 5 standard deviations
    }
}

TEST_F(selects, refuse_what_cannot_be_waited_for) {
    pirn::scheduler tasks;
    auto task = tasks.spawn(pirn::spawn_options{.name = "foreign"}, [] {});
    pirn::scheduler others;
    others
        .spawn([&] {
            EXPECT_TRUE(support::complains([] { pirn::select(on(pirn::after(1h), nothing)); },
                                           "only pirn::run has a clock"));
        })
        .get();
    task.get();
}

FOR_ALL_CREWS(select);

} // namespace
