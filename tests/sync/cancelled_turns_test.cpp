// SPDX-License-Identifier: MIT
//
// A task that is asked to stop and swallows `cancelled` again and again: each call costs a part of its turn.
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/as_completed.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/task_group.hpp>
#include <pirn/sync/barrier.hpp>
#include <pirn/sync/broadcast.hpp>
#include <pirn/sync/channel.hpp>
#include <pirn/sync/condition.hpp>
#include <pirn/sync/event.hpp>
#include <pirn/sync/latch.hpp>
#include <pirn/sync/mutex.hpp>
#include <pirn/sync/once.hpp>
#include <pirn/sync/oneshot.hpp>
#include <pirn/sync/select.hpp>
#include <pirn/sync/semaphore.hpp>
#include <pirn/sync/shared_mutex.hpp>

#include "support/account.hpp"
#include "support/turns.hpp"

#include <chrono>
#include <functional>
#include <mutex>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;

class cancelled_answers : public support::balanced<> {};

TEST_F(cancelled_answers, leave_turns_to_other_tasks) {
    pirn::run([] {
        pirn::channel<int> values;
        pirn::event set;
        pirn::auto_event once_set;
        pirn::semaphore none{0};
        pirn::mutex held;
        const std::scoped_lock lock{held};
        pirn::shared_mutex shared;
        pirn::latch latch{1'000'000};
        pirn::barrier barrier{2};
        pirn::condition condition;
        pirn::mutex door;
        auto running = pirn::spawn([&] { set.wait(); });
        std::vector<std::function<void()>> functions{[&] { set.wait(); }};
        auto results = pirn::as_completed(functions);
        pirn::task_group group;
        group.spawn([&] { set.wait(); });
        pirn::cancel_scope scope;
        EXPECT_TRUE(scope.run([&] {
            scope.cancel();
            const auto expect_turns = [](const char* name, const auto& call) {
                support::expect_turns(name, [&] { EXPECT_THROW(call(), pirn::cancelled) << name; });
            };
            expect_turns("yield_now", [] { pirn::yield_now(); });
            expect_turns("sleep_for", [] { pirn::sleep_for(1h); });
            expect_turns("send", [&] { std::ignore = values.send(1); });
            expect_turns("receive", [&] { std::ignore = values.receive(); });
            expect_turns("select",
                         [&] { pirn::select(pirn::on(values.receiving(), [](auto&&...) {})); });
            expect_turns("event", [&] { set.wait(); });
            expect_turns("auto_event", [&] { once_set.wait(); });
            expect_turns("semaphore", [&] { none.acquire(); });
            expect_turns("shared_mutex", [&] { shared.lock(); });
            expect_turns("latch", [&] { latch.wait(); });
            expect_turns("latch arrive", [&] { latch.arrive_and_wait(); });
            expect_turns("barrier", [&] { barrier.arrive_and_wait(); });
            expect_turns("condition", [&] {
                std::unique_lock inside{door, std::defer_lock};
                pirn::cancel_scope locking;
                locking.shield();
                std::ignore = locking.run([&] { inside.lock(); });
                condition.wait(inside);
            });
            expect_turns("join", [&] { running.join(); });
            expect_turns("as_completed", [&] { std::ignore = results.next(); });
            expect_turns("start", [&] { group.start([](pirn::started<>& ready) { ready(); }); });
            expect_turns("wait", [&] { group.wait(); });
        }));
        set.set();
        running.join();
    });
}

} // namespace
