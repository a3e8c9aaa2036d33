// SPDX-License-Identifier: MIT
//
// Random requests to stop, by the thousand: whatever was waited for is either got or still there. Each test keeps
// the books: what went in is what came out and what is left.
#include <pirn/base/error.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sched/scheduler.hpp>
#include <pirn/sync/channel.hpp>
#include <pirn/sync/mutex.hpp>
#include <pirn/sync/select.hpp>
#include <pirn/sync/semaphore.hpp>
#include <pirn/sync/shared_mutex.hpp>

#include "support/account.hpp"
#include "support/sanitizers.hpp"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using pirn::on;

using storm = support::balanced<>;

// How many are asked to stop in each storm; PIRN_STORM_ROUNDS asks for more.
int storm_rounds() {
    const char* const wanted = std::getenv("PIRN_STORM_ROUNDS");
    return (wanted != nullptr ? std::atoi(wanted) : 20'000) / support::slowness;
}
const int rounds = storm_rounds();

// stop_at_random: tasks that do `work` until they are asked to stop; one after the other is asked and replaced.
// Gives how many of them ended with `cancelled`.
template <class Work>
long stop_at_random(pirn::scheduler& tasks, unsigned seed, int crowd, int times, Work work) {
    std::mt19937 random{seed};
    long cancelled = 0;
    const auto body = [&] {
        try {
            for (;;) work(random);
        } catch (const pirn::cancelled&) {
            ++cancelled;
        }
    };
    std::vector<pirn::join_handle<>> handles;
    for (int i = 0; i < crowd; ++i) handles.push_back(tasks.spawn(body));
    for (int i = 0; i < times; ++i) {
        auto& victim = handles[random() % handles.size()];
        victim.request_stop();
        if (random() % 2 == 0) tasks.tick();
        victim = tasks.spawn(body); // the old one is joined here
    }
    for (auto& handle : handles) handle.request_stop();
    for (auto& handle : handles) handle.join();
    return cancelled;
}

// alone: inside of what a mutex guards, and nobody else is.
template <class Count>
class alone {
  public:
    explicit alone(Count& inside) : inside_{inside} { EXPECT_EQ(++inside_, 1); }
    ~alone() { --inside_; }
    alone(const alone&) = delete;
    alone& operator=(const alone&) = delete;

  private:
    Count& inside_;
};

struct given_back {
    ~given_back() { to.release(); }
    pirn::semaphore& to;
};

// Values with an identity; how often each was sent and received.
struct books {
    std::atomic<long> sent{0};
    std::atomic<long> received{0};
    std::atomic<long> sent_sum{0};
    std::atomic<long> received_sum{0};
    std::atomic<long> last{0};

    std::unique_ptr<long> make() { return std::make_unique<long>(++last); }
    void note_sent(long which) {
        ++sent;
        sent_sum += which;
    }
    void note_received(const std::unique_ptr<long>& what) {
        ASSERT_NE(what, nullptr);
        ++received;
        received_sum += *what;
    }
};

// Whoever sends keeps the value when it was not sent.
void send_one(pirn::channel<std::unique_ptr<long>>& to, books& account) {
    auto mine = account.make();
    const long number = *mine;
    try {
        if (to.send(std::move(mine))) account.note_sent(number);
    } catch (const pirn::cancelled&) {
        ASSERT_NE(mine, nullptr)
            << "cancelled, and yet moved from"; // NOLINT(bugprone-use-after-move)
        throw;
    }
}

TEST_F(storm, of_cancelled_sends_and_receives_loses_and_doubles_no_value) {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{2}}) {
        pirn::scheduler tasks;
        pirn::channel<std::unique_ptr<long>> between{capacity};
        books account;
        const long cancelled = stop_at_random(tasks, 1, 12, rounds, [&](std::mt19937& random) {
            if (random() % 2 == 0) {
                send_one(between, account);
            } else {
                const auto got = between.receive();
                account.note_received(*got);
            }
        });
        while (const auto rest = between.try_receive()) account.note_received(*rest);
        EXPECT_EQ(cancelled, rounds + 12);
        EXPECT_EQ(account.sent, account.received);
        EXPECT_EQ(account.sent_sum, account.received_sum);
        EXPECT_GT(account.sent, rounds / 10);
    }
}

TEST_F(storm, of_cancelled_selects_loses_and_doubles_no_value) {
    pirn::scheduler tasks;
    pirn::channel<std::unique_ptr<long>> one;
    pirn::channel<std::unique_ptr<long>> other{1};
    books account;
    const auto receive = [&](std::optional<std::unique_ptr<long>> got) {
        account.note_received(*got);
    };
    const long cancelled = stop_at_random(tasks, 2, 12, rounds, [&](std::mt19937& random) {
        switch (random() % 4) {
        case 0: send_one(one, account); break;
        case 1: account.note_received(*other.receive()); break;
        case 2: pirn::select(on(one.receiving(), receive), on(other.receiving(), receive)); break;
        default: {
            auto mine = account.make();
            const long number = *mine;
            try {
                const std::size_t which = pirn::select(
                    on(one.sending(std::move(mine)), [&](bool) { account.note_sent(number); }),
                    on(other.sending(std::move(mine)), [&](bool) { account.note_sent(number); }),
                    on(one.receiving(), receive));
                // NOLINTNEXTLINE(bugprone-use-after-move): moved from exactly when it was sent
                EXPECT_EQ(mine == nullptr, which != 2);
            } catch (const pirn::cancelled&) {
                EXPECT_NE(mine, nullptr); // NOLINT(bugprone-use-after-move)
                throw;
            }
        }
        }
    });
    while (const auto rest = other.try_receive()) account.note_received(*rest);
    EXPECT_EQ(cancelled, rounds + 12);
    EXPECT_EQ(account.sent, account.received);
    EXPECT_EQ(account.sent_sum, account.received_sum);
    EXPECT_GT(account.sent, rounds / 10);
}

TEST_F(storm, of_cancelled_locks_and_tokens_leaves_all_free) {
    pirn::scheduler tasks;
    pirn::mutex door;
    pirn::shared_mutex library;
    pirn::semaphore tokens{3};
    int inside = 0;
    int readers = 0;
    int writers = 0;
    const long cancelled = stop_at_random(tasks, 3, 12, rounds, [&](std::mt19937& random) {
        switch (random() % 4) {
        case 0: {
            const std::scoped_lock lock{door};
            const alone here{inside};
            pirn::yield_now();
            break;
        }
        case 1: {
            tokens.acquire();
            const given_back at_the_end{tokens};
            pirn::yield_now();
            break;
        }
        case 2: {
            const std::shared_lock lock{library};
            EXPECT_EQ(writers, 0);
            ++readers;
            try {
                pirn::yield_now();
            } catch (...) {
                --readers;
                throw;
            }
            --readers;
            break;
        }
        default: {
            const std::unique_lock lock{library};
            EXPECT_EQ(readers, 0);
            ++writers;
            try {
                pirn::yield_now();
            } catch (...) {
                --writers;
                throw;
            }
            --writers;
        }
        }
    });
    EXPECT_EQ(cancelled, rounds + 12);
    EXPECT_TRUE(door.try_lock());
    door.unlock();
    EXPECT_TRUE(library.try_lock());
    library.unlock();
    EXPECT_EQ(tokens.available(), 3U);
}

// The same with the other side on threads of its own: a request to stop races with the hand-over.
TEST_F(storm, that_races_with_other_threads_loses_and_doubles_no_value) {
    pirn::channel<std::unique_ptr<long>> one;
    pirn::channel<std::unique_ptr<long>> other{1};
    books account;
    std::atomic<bool> over{false};
    const auto receive = [&](std::optional<std::unique_ptr<long>> got) {
        if (got) account.note_received(*got);
    };
    std::vector<std::jthread> threads;
    threads.emplace_back([&] {
        while (!over) send_one(one, account);
    });
    threads.emplace_back([&] {
        while (auto got = other.receive()) account.note_received(*got);
    });
    threads.emplace_back([&] {
        while (!over) {
            auto mine = account.make();
            const long number = *mine;
            pirn::select(on(one.sending(std::move(mine)),
                            [&](bool ok) {
                                if (ok) account.note_sent(number);
                            }),
                         on(other.receiving(), receive));
        }
    });
    long cancelled = 0;
    {
        pirn::scheduler tasks;
        cancelled = stop_at_random(tasks, 4, 8, rounds / 2, [&](std::mt19937& random) {
            if (random() % 2 == 0) {
                account.note_received(*one.receive());
            } else {
                auto mine = account.make();
                const long number = *mine;
                pirn::select(
                    on(one.receiving(), receive),
                    on(other.sending(std::move(mine)), [&](bool) { account.note_sent(number); }));
            }
        });
    }
    over = true;
    one.close();
    other.close();
    threads.clear();
    while (const auto rest = other.try_receive()) account.note_received(*rest);
    EXPECT_EQ(cancelled, rounds / 2 + 8);
    EXPECT_EQ(account.sent, account.received);
    EXPECT_EQ(account.sent_sum, account.received_sum);
}

// The same where whoever asks, whoever waits and whoever hands over run on any of several threads.
class storm_on_threads : public support::balanced<testing::TestWithParam<std::size_t>> {};
INSTANTIATE_TEST_SUITE_P(of, storm_on_threads, testing::Values(1, 2, 4, 8),
                         testing::PrintToStringParamName());

TEST_P(storm_on_threads, loses_and_doubles_no_value_and_leaves_all_free) {
    constexpr int crowd = 12;
    const int times = rounds / 4;
    books account;
    std::atomic<long> cancelled{0};
    std::atomic<int> inside{0};
    pirn::run({.threads = GetParam()}, [&] {
        pirn::channel<std::unique_ptr<long>> one;
        pirn::channel<std::unique_ptr<long>> other{1};
        pirn::mutex door;
        pirn::semaphore tokens{3};
        const auto receive = [&](std::optional<std::unique_ptr<long>> got) {
            account.note_received(*got);
        };
        const auto work = [&](unsigned long what) {
            switch (what % 6) {
            case 0: send_one(one, account); break;
            case 1: send_one(other, account); break;
            case 2: account.note_received(*one.receive()); break;
            case 3:
                pirn::select(on(one.receiving(), receive), on(other.receiving(), receive));
                break;
            case 4: {
                const std::scoped_lock lock{door};
                const alone here{inside};
                pirn::yield_now();
                break;
            }
            default: {
                tokens.acquire();
                const given_back at_the_end{tokens};
                pirn::yield_now();
            }
            }
        };
        const auto body = [&](unsigned long seed) {
            std::mt19937 random{seed};
            try {
                for (;;) work(random());
            } catch (const pirn::cancelled&) {
                ++cancelled;
            }
        };
        std::mt19937 random{5};
        std::vector<pirn::join_handle<>> handles;
        for (int i = 0; i < crowd; ++i) handles.push_back(pirn::spawn(body, random()));
        for (int i = 0; i < times; ++i) {
            auto& victim = handles[random() % handles.size()];
            victim.request_stop();
            if (random() % 2 == 0) pirn::yield_now();
            victim = pirn::spawn(body, random()); // the old one is joined here
        }
        for (auto& handle : handles) handle.request_stop();
        for (auto& handle : handles) handle.join();
        while (const auto rest = other.try_receive()) account.note_received(*rest);
        EXPECT_TRUE(door.try_lock());
        door.unlock();
        EXPECT_EQ(tokens.available(), 3U);
    });
    EXPECT_EQ(cancelled, times + crowd);
    EXPECT_EQ(account.sent, account.received);
    EXPECT_EQ(account.sent_sum, account.received_sum);
    EXPECT_GT(account.sent, times / 10);
}

} // namespace
