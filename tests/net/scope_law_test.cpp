// SPDX-License-Identifier: MIT
//
// Whatever suspends inside a scope ends with that scope: every public function whose contract ends with `Suspends.`, with
// what it waits for made inside the scope and outside of it, cancelled by a deadline, by hand and by a request to its
// task, on one thread and on four. tools/suspends.py holds the rows against the headers.
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/cancel_scope.hpp>

#include "net/scope_table.hpp"
#include "support/account.hpp"

#include <cctype>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using support::row;

// What is not cancelled, with the reason.
constexpr const char* exempt[][2] = {
    {"coro/yielder.hpp yielder::operator", "a coroutine's own suspension ends when it is resumed"},
    {"coro/yielder.hpp yielder::suspend", "the same"},
    {"coro/yielder.hpp yielder::suspend_then", "the same"},
    {"coro/yielder.hpp yielder::yield", "the same"},
    {"coro/yielder.hpp yielder::yield_then", "the same"},
    {"runtime/await.hpp await_shielded", "is there to be not cancelled"},
    {"sync/mutex.hpp mutex::lock_shielded", "is there to be not cancelled"},
    {"scope/task_group.hpp task_group::~task_group", "cancels its tasks, and cleans up"},
    {"io/stream.hpp byte_stream::close", "cleans up, and waits for nothing but what it ends"},
    {"net/stream_socket.hpp stream_socket::close", "the same"},
    {"net/tcp.hpp tcp_listener::close", "the same"},
    {"net/udp.hpp udp_socket::close", "the same"},
    {"net/unix.hpp unix_datagram::close", "the same"},
    {"net/unix.hpp unix_listener::close", "the same"},
    {"io/process.hpp process::~process", "kills the program, and cleans up"},
    {"io/process.hpp process::terminate", "is process::wait with a limit"},
    {"io/task_signal.hpp task_signal::~task_signal", "stops its own task, and cleans up"},
    {"io/temporary.hpp temporary_file::~temporary_file", "cleans up"},
    {"io/temporary.hpp temporary_file::keep", "is rename_file"},
    {"io/conformance.hpp check_byte_stream", "is a test kit, made of the calls above"},
};

std::vector<row> all_rows() {
    std::vector<row> all = support::rows_of_sync();
    for (const auto& more : {support::rows_of_io(), support::rows_of_net()}) {
        all.insert(all.end(), more.begin(), more.end());
    }
    return all;
}

std::string name_of(const testing::TestParamInfo<row>& row) {
    std::string name = row.param.name;
    for (char& each : name) {
        if (std::isalnum(static_cast<unsigned char>(each)) == 0) each = '_';
    }
    return name;
}

class scope_law : public support::balanced<testing::TestWithParam<row>> {
  protected:
    // ends_with: what `cancel` does to the scope ends the call, long before anything else would.
    template <class Cancel>
    static void ends_with(pirn::cancel_scope& scope, bool inside, Cancel cancel) {
        const auto begin = pirn::now();
        const row& about = GetParam();
        const support::call made = inside ? support::call{} : about.make();
        auto canceller = pirn::spawn({.worker = pirn::this_worker}, [&] { cancel(scope); });
        if (about.at_once) {
            pirn::sleep_for(1ms); // for the cancellation
        }
        EXPECT_FALSE(scope.run([&] { inside ? about.make()() : made(); }))
            << (inside ? "made inside" : "made outside");
        EXPECT_LT(pirn::now() - begin, 20s);
        canceller.join();
    }
};

INSTANTIATE_TEST_SUITE_P(of, scope_law, testing::ValuesIn(all_rows()), name_of);

TEST_P(scope_law, ends_the_call) {
    EXPECT_GT(std::size(exempt), 0U);
    for (const std::size_t threads : {1U, 4U}) {
        pirn::run({.threads = threads}, [] {
            for (const bool inside : {false, true}) {
                pirn::cancel_scope by_hand;
                ends_with(by_hand, inside, [](pirn::cancel_scope& scope) {
                    if (!GetParam().at_once) pirn::sleep_for(2ms);
                    scope.cancel();
                });
                if (!GetParam().at_once) {
                    pirn::cancel_scope deadline{2ms};
                    ends_with(deadline, inside, [](pirn::cancel_scope&) {});
                }
                // A group belongs to the task that makes it.
                const bool here =
                    inside || std::string{GetParam().name}.starts_with("scope/task_group");
                const support::call made = here ? support::call{} : GetParam().make();
                auto task = pirn::spawn({.worker = pirn::this_worker}, [&] {
                    if (GetParam().at_once) support::shielded([] { pirn::sleep_for(2ms); });
                    here ? GetParam().make()() : made();
                });
                if (!GetParam().at_once) pirn::sleep_for(2ms);
                task.request_stop();
                EXPECT_THROW(task.get(), pirn::cancelled);
            }
        });
    }
}

} // namespace
