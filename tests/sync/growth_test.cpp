// SPDX-License-Identifier: MIT
//
// What many waiters on one thing cost, which are cancelled in random order, and then woken: see support/growth.hpp.
#include "support/growth.hpp"

#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sync/barrier.hpp>
#include <pirn/sync/broadcast.hpp>
#include <pirn/sync/channel.hpp>
#include <pirn/sync/condition.hpp>
#include <pirn/sync/event.hpp>
#include <pirn/sync/latch.hpp>
#include <pirn/sync/mutex.hpp>
#include <pirn/sync/select.hpp>
#include <pirn/sync/semaphore.hpp>
#include <pirn/sync/shared_mutex.hpp>
#include <pirn/sync/watch.hpp>

#include "support/account.hpp"
#include "support/warm_stacks.hpp"

#include <cstddef>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include <gtest/gtest.h>

namespace {

class growth : public support::balanced<> {};

void trim() { pirn::trim_default_stacks(); }

constexpr auto nothing = [] {};

// expect_linear_waits: n tasks wait; half of them are cancelled, in random order; then the others are woken.
template <class Wait, class Wake, class Prepare = decltype(nothing)>
void expect_linear_waits(Wait wait, Wake wake, Prepare prepare = nothing) {
    support::expect_linear(
        1000,
        [&](std::size_t n) {
            pirn::run([&] {
                prepare();
                std::vector<pirn::join_handle<>> all;
                for (std::size_t i = 0; i < n; ++i) {
                    all.push_back(pirn::spawn(support::on_warm_stack(), [&wait, i] { wait(i); }));
                }
                pirn::yield_now();
                const auto order = support::shuffled(n);
                for (std::size_t i = 0; i < n / 2; ++i) all[order[i]].request_stop();
                pirn::yield_now();
                wake(n);
                for (auto& each : all) each.join();
            });
        },
        trim);
}

TEST_F(growth, waiters_for_a_mutex) {
    pirn::mutex mutex;
    expect_linear_waits([&](std::size_t) { const std::scoped_lock lock{mutex}; },
                        [&](std::size_t) { mutex.unlock(); }, [&] { mutex.lock(); });
}

TEST_F(growth, waiters_for_a_shared_mutex) {
    pirn::shared_mutex mutex;
    expect_linear_waits(
        [&](std::size_t i) {
            if (i % 3 == 0) {
                const std::scoped_lock lock{mutex};
            } else {
                const std::shared_lock lock{mutex};
            }
        },
        [&](std::size_t) { mutex.unlock(); }, [&] { mutex.lock(); });
}

TEST_F(growth, waiters_for_an_event) {
    pirn::event event;
    expect_linear_waits([&](std::size_t) { event.wait(); },
                        [&](std::size_t) {
                            event.set();
                            event.reset();
                        });
}

TEST_F(growth, waiters_for_a_semaphore) {
    pirn::semaphore semaphore{0};
    expect_linear_waits([&](std::size_t) { semaphore.acquire(); },
                        [&](std::size_t n) { semaphore.release(n - n / 2); });
}

TEST_F(growth, waiters_for_a_condition) {
    pirn::condition condition;
    pirn::mutex mutex;
    expect_linear_waits(
        [&](std::size_t) {
            std::unique_lock lock{mutex};
            condition.wait(lock);
        },
        [&](std::size_t) { condition.notify_all(); });
}

TEST_F(growth, receivers_of_a_channel) {
    pirn::channel<std::size_t> channel;
    expect_linear_waits([&](std::size_t) { static_cast<void>(channel.receive()); },
                        [&](std::size_t n) {
                            for (std::size_t i = 0; i < n - n / 2; ++i) channel.send(i);
                        });
}

TEST_F(growth, senders_to_a_channel) {
    pirn::channel<std::size_t> channel;
    expect_linear_waits([&](std::size_t i) { static_cast<void>(channel.send(i)); },
                        [&](std::size_t n) {
                            for (std::size_t i = 0; i < n - n / 2; ++i) {
                                static_cast<void>(channel.receive());
                            }
                        });
}

// One queue for each case, in all of which each of them waits.
TEST_F(growth, selects_over_the_same_channels) {
    std::vector<pirn::channel<int>> channels(3);
    pirn::event event;
    expect_linear_waits(
        [&](std::size_t) {
            pirn::select(pirn::on(channels[0].receiving(), [](auto) {}),
                         pirn::on(channels[1].receiving(), [](auto) {}),
                         pirn::on(channels[2].receiving(), [](auto) {}), pirn::on(event, [] {}));
        },
        [&](std::size_t) {
            event.set();
            event.reset();
        });
}

TEST_F(growth, subscribers_of_a_broadcast) {
    pirn::broadcast<int> broadcast{16};
    expect_linear_waits(
        [&](std::size_t) {
            auto mine = broadcast.subscribe();
            static_cast<void>(mine.receive());
        },
        [&](std::size_t) { broadcast.send(1); });
}

TEST_F(growth, watchers_of_a_value) {
    pirn::watch<int> watch{0};
    expect_linear_waits(
        [&](std::size_t) {
            auto mine = watch.subscribe();
            static_cast<void>(mine.changed());
        },
        [&](std::size_t) { watch.set(1); });
}

TEST_F(growth, waiters_for_a_latch) {
    support::expect_linear(
        1000,
        [](std::size_t n) {
            pirn::run([n] {
                pirn::latch latch{n};
                pirn::barrier barrier{n};
                for (std::size_t i = 0; i < n; ++i) {
                    pirn::spawn(support::on_warm_stack(), [&] {
                        barrier.arrive_and_wait();
                        latch.count_down();
                    }).detach();
                }
                latch.wait();
            });
        },
        trim);
}

TEST_F(growth, values_in_an_unbounded_channel) {
    support::expect_linear(20'000, [](std::size_t n) {
        pirn::run([n] {
            pirn::channel<std::size_t> channel{pirn::unbounded};
            for (std::size_t i = 0; i < n; ++i) channel.send(i);
            for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(channel.receive(), i);
        });
    });
}

} // namespace
