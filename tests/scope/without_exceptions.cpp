// SPDX-License-Identifier: MIT
//
// A user's file without exceptions and run-time type information that includes everything, and uses scopes, groups and
// what runs several functions. No GoogleTest here: it would be compiled in this way too.
#include "scope/without_exceptions.hpp"

#include <pirn/pirn.hpp>

#include <array>
#include <chrono>
#include <optional>

scopes_seen scopes_at_once() {
    using namespace std::chrono_literals;
    scopes_seen seen;
    pirn::run([&] {
        {
            pirn::task_group group;
            group.spawn([&] { seen.sum += 1; });
            group.spawn([&](int more) { seen.sum += more; }, 2);
            seen.sum += group.start<int>([](pirn::started<int>& ready) { ready(4); });
            group.spawn([] { pirn::sleep_for(1h); });
            pirn::yield_now();
            group.cancel();
            group.wait();
        }
        const auto [one, other] = pirn::all([] { return 8; }, [] { return 16; });
        seen.sum += one + other;
        seen.first = pirn::any([] { return 1; },
                               [] {
                                   pirn::sleep_for(1h);
                                   return 2;
                               });
        seen.first += pirn::race([] { return 1; },
                                 [] {
                                     pirn::sleep_for(1h);
                                     return 2;
                                 });
        const auto three = [] { return 3; };
        std::array functions{three, three};
        for (auto& each : pirn::as_completed(functions)) {
            seen.completed += each.get();
        }
        seen.timed_out = !pirn::try_with_timeout(1ms, [] { pirn::sleep_for(1h); });
        seen.in_time = pirn::with_timeout(1h, [] { return true; });
        pirn::cancel_scope scope;
        seen.scope_was_left = !scope.run([&] {
            scope.cancel();
            pirn::yield_now();
        });
        seen.blocking = pirn::blocking([] { return 5; });
        pirn::channel<int> values{1};
        values.send(7);
        pirn::select(
            pirn::on(values.receiving(), [&](std::optional<int> got) { seen.selected = *got; }));
    });
    return seen;
}
