// SPDX-License-Identifier: MIT
//
// The table of scopes: sched, runtime, scope and sync.
#include <pirn/loop/operations.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/runtime/blocking.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/all_any.hpp>
#include <pirn/scope/as_completed.hpp>
#include <pirn/scope/task_group.hpp>
#include <pirn/scope/timeout.hpp>
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
#include <pirn/sync/watch.hpp>

#include "net/scope_table.hpp"
#include "support/tasks.hpp"

#include <cerrno>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <tuple>

namespace support {
namespace {

using namespace std::chrono_literals;

// held_by_another: a lock that another task of this thread has, and does not give back.
template <class Lock>
struct held_by_another {
    held_by_another()
        : holder{pirn::spawn({.worker = pirn::this_worker}, [this] {
              const std::scoped_lock held{lock};
              stand_still();
          })} {
        shielded([] { pirn::sleep_for(1ms); });
    }
    Lock lock;
    pirn::join_handle<> holder; // ends first
};

struct waiting_condition {
    pirn::mutex door;
    pirn::condition changed;
};

struct arrived_at_barrier {
    pirn::barrier<> barrier{2};
    pirn::barrier<>::arrival_token token = barrier.arrive();
};

struct busy_once {
    busy_once()
        : caller{pirn::spawn({.worker = pirn::this_worker}, [this] { once.call(&stand_still); })} {
        shielded([] { pirn::sleep_for(1ms); });
    }
    pirn::once once;
    pirn::join_handle<> caller;
};

struct unfinished {
    std::vector<std::function<void()>> functions{&stand_still};
    pirn::completions<void> results = pirn::as_completed(functions);
};

struct subscribed {
    pirn::broadcast<int> values{4};
    pirn::broadcast<int>::subscription reader = values.subscribe();
};

struct watched {
    pirn::watch<int> value{1};
    pirn::watch<int>::subscription reader = value.subscribe();
};

void throw_if(int result) {
    if (result == -ECANCELED) throw pirn::cancelled{};
}

} // namespace

std::vector<row> rows_of_sync() {
    using std::make_shared;
    return {
        {"sched/park.hpp park", [] { return [] { stand_still(); }; }},
        {"sched/park.hpp yield_now", [] { return [] { pirn::yield_now(); }; }, true},
        {"sched/join_handle.hpp get",
         [] {
             return of(make_shared<pirn::join_handle<>>(pirn::spawn(&stand_still)),
                       [](auto& handle) { handle.get(); });
         }},
        {"runtime/sleep.hpp sleep_for", [] { return [] { pirn::sleep_for(1h); }; }},
        {"runtime/sleep.hpp sleep_until",
         [] { return [] { pirn::sleep_until(pirn::now() + 1h); }; }},
        {"runtime/await.hpp await",
         [] {
             return [] {
                 pirn::awaitable<pirn::timer_operation> timer{pirn::never};
                 throw_if(pirn::await(timer));
             };
         }},
        {"runtime/blocking.hpp blocking",
         [] {
             return [] {
                 pirn::blocking([](pirn::blocking_call& about) {
                     while (!about.stop_requested()) std::this_thread::sleep_for(1ms);
                 });
                 pirn::throw_if_stopped(); // what has begun gives its result
             };
         }},
        {"scope/cancel_scope.hpp cancel_scope::run",
         [] {
             return of(make_shared<pirn::cancel_scope>(),
                       [](auto& scope) { std::ignore = scope.run(&stand_still); });
         }},
        {"scope/timeout.hpp with_timeout",
         [] { return [] { pirn::with_timeout(1h, &stand_still); }; }},
        {"scope/timeout.hpp try_with_timeout",
         [] { return [] { std::ignore = pirn::try_with_timeout(1h, &stand_still); }; }},
        {"scope/all_any.hpp all", [] { return [] { pirn::all(&stand_still, &stand_still); }; }},
        {"scope/all_any.hpp any", [] { return [] { pirn::any(&stand_still, &stand_still); }; }},
        {"scope/all_any.hpp race", [] { return [] { pirn::race(&stand_still, &stand_still); }; }},
        {"scope/as_completed.hpp completions::next",
         [] {
             return of(make_shared<unfinished>(),
                       [](auto& it) { std::ignore = it.results.next(); });
         }},
        {"scope/as_completed.hpp completions::begin",
         [] {
             return of(make_shared<unfinished>(),
                       [](auto& it) { std::ignore = it.results.begin(); });
         }},
        {"scope/task_group.hpp task_group::wait",
         [] {
             return of(make_shared<pirn::task_group>(), [](auto& group) {
                 group.spawn(&stand_still);
                 group.wait();
             });
         }},
        {"scope/task_group.hpp task_group::run",
         [] {
             return of(make_shared<pirn::task_group>(),
                       [](auto& group) { group.run([&] { group.spawn(&stand_still); }); });
         }},
        {"scope/task_group.hpp task_group::start",
         [] {
             return of(make_shared<pirn::task_group>(),
                       [](auto& group) { group.start([](pirn::started<>&) { stand_still(); }); });
         }},
        {"sync/event.hpp event::wait",
         [] { return of(make_shared<pirn::event>(), [](auto& it) { it.wait(); }); }},
        {"sync/event.hpp auto_event::wait",
         [] { return of(make_shared<pirn::auto_event>(), [](auto& it) { it.wait(); }); }},
        {"sync/semaphore.hpp semaphore::acquire",
         [] { return of(make_shared<pirn::semaphore>(0U), [](auto& it) { it.acquire(); }); }},
        {"sync/latch.hpp latch::wait",
         [] { return of(make_shared<pirn::latch>(1U), [](auto& it) { it.wait(); }); }},
        {"sync/latch.hpp latch::arrive_and_wait",
         [] {
             return of(make_shared<pirn::latch>(1'000U), [](auto& it) { it.arrive_and_wait(); });
         }},
        {"sync/barrier.hpp barrier::arrive_and_wait",
         [] {
             return of(make_shared<pirn::barrier<>>(2U), [](auto& it) { it.arrive_and_wait(); });
         }},
        {"sync/barrier.hpp barrier::wait",
         [] {
             return of(make_shared<arrived_at_barrier>(),
                       [](auto& it) { it.barrier.wait(it.token); });
         }},
        {"sync/barrier.hpp barrier::arrive",
         [] {
             return of(make_shared<pirn::barrier<>>(1'000U),
                       [](auto& it) { std::ignore = it.arrive(); });
         },
         true},
        {"sync/barrier.hpp barrier::arrive_and_drop",
         [] {
             return of(make_shared<pirn::barrier<>>(1'000U),
                       [](auto& it) { it.arrive_and_drop(); });
         },
         true},
        {"sync/channel.hpp channel::receive",
         [] {
             return of(make_shared<pirn::channel<int>>(),
                       [](auto& it) { std::ignore = it.receive(); });
         }},
        {"sync/channel.hpp channel::send",
         [] {
             return of(make_shared<pirn::channel<int>>(),
                       [](auto& it) { std::ignore = it.send(1); });
         }},
        {"sync/channel.hpp channel::begin",
         [] {
             return of(make_shared<pirn::channel<int>>(),
                       [](auto& it) { std::ignore = it.begin(); });
         }},
        {"sync/oneshot.hpp oneshot_receiver::receive",
         [] {
             auto ends =
                 make_shared<std::pair<pirn::oneshot_sender<int>, pirn::oneshot_receiver<int>>>(
                     pirn::oneshot<int>());
             return of(ends, [](auto& it) { std::ignore = it.second.receive(); });
         }},
        {"sync/broadcast.hpp broadcast::receive",
         [] {
             return of(make_shared<subscribed>(),
                       [](auto& it) { std::ignore = it.reader.receive(); });
         }},
        {"sync/watch.hpp watch::changed",
         [] {
             return of(make_shared<watched>(), [](auto& it) {
                 for (;;) std::ignore = it.reader.changed();
             });
         }},
        {"sync/condition.hpp condition::wait",
         [] {
             return of(make_shared<waiting_condition>(), [](auto& it) {
                 std::unique_lock lock{it.door, std::defer_lock};
                 shielded([&] { lock.lock(); });
                 it.changed.wait(lock);
             });
         }},
        {"sync/mutex.hpp mutex::lock",
         [] {
             return of(make_shared<held_by_another<pirn::mutex>>(),
                       [](auto& it) { it.lock.lock(); });
         }},
        {"sync/shared_mutex.hpp shared_mutex::lock",
         [] {
             return of(make_shared<held_by_another<pirn::shared_mutex>>(),
                       [](auto& it) { it.lock.lock(); });
         }},
        {"sync/shared_mutex.hpp shared_mutex::lock_shared",
         [] {
             return of(make_shared<held_by_another<pirn::shared_mutex>>(),
                       [](auto& it) { it.lock.lock_shared(); });
         }},
        {"sync/once.hpp once::call",
         [] { return of(make_shared<busy_once>(), [](auto& it) { it.once.call([] {}); }); }},
        {"sync/select.hpp select",
         [] {
             return of(make_shared<pirn::channel<int>>(),
                       [](auto& it) { pirn::select(pirn::on(it.receiving(), [](auto&&...) {})); });
         }},
    };
}

} // namespace support
