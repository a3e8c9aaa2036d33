// SPDX-License-Identifier: MIT
//
// The unwinder on a coroutine's stack: it finds the functions that are there, and then an orderly end
// (hazard 7).
#include <pirn/coro/coroutine.hpp>

#include "support/stacks.hpp"
#include "support/unwinding.hpp"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace {

struct walk {
    std::vector<std::uintptr_t> functions; // where each of the frames' functions begins
    _Unwind_Reason_Code end = _URC_NO_REASON;
};

PIRN_NOINLINE walk walk_up() {
    walk found;
    found.end = _Unwind_Backtrace(
        [](_Unwind_Context* context, void* out) {
            auto& functions = static_cast<walk*>(out)->functions;
            functions.push_back(_Unwind_GetRegionStart(context));
            return functions.size() < 200 ? _URC_NO_REASON : support::stop_walking;
        },
        &found);
    return found;
}

// Three frames that a walk must find.
PIRN_NOINLINE walk third() {
    walk found = walk_up();
    asm volatile("");
    return found;
}
PIRN_NOINLINE walk second() {
    walk found = third();
    asm volatile("");
    return found;
}
PIRN_NOINLINE walk first() {
    walk found = second();
    asm volatile("");
    return found;
}

void expect_orderly(const walk& found) {
    EXPECT_EQ(found.end, support::end_of_stack);
    EXPECT_GE(found.functions.size(), 5U) << "three of ours, the coroutine's, and the root";
    EXPECT_LT(found.functions.size(), 50U) << "it walked on into something";
    std::size_t next = 0;
    for (const auto wanted : {&third, &second, &first}) {
        while (next < found.functions.size() &&
               found.functions[next] != support::start_of(wanted)) {
            ++next;
        }
        EXPECT_LT(next, found.functions.size()) << "a function is missing, or out of order";
    }
}

class unwinder : public support::on_each_stack {};
INSTANTIATE_TEST_SUITE_P(on, unwinder, support::every_stack_kind(), support::name_of);

TEST_P(unwinder, finds_the_functions_and_the_end_of_the_stack) {
    pirn::coroutine<> walks{stack(), [](auto& self) {
                                expect_orderly(first());
                                self.suspend();
                                expect_orderly(first());
                            }};
    walks.resume();
    walks.resume();
}

TEST_P(unwinder, does_not_go_on_to_the_resumer) {
    std::size_t alone = 0;
    std::size_t within = 0;
    const auto count = [](std::size_t& frames) {
        return [&] { frames = first().functions.size(); };
    };
    pirn::coroutine<>{stack(), count(alone)}.resume();
    pirn::coroutine<> outer{stack(), [&] { pirn::coroutine<>{stack(), count(within)}.resume(); }};
    outer.resume();
    EXPECT_EQ(alone, within);
}

TEST_P(unwinder, finds_its_way_on_another_stack_that_was_suspended_from_further_in) {
    pirn::coroutine<> outer{stack(), [&](auto& self) {
                                pirn::coroutine<> inner{stack(), [&] {
                                                            self.suspend();
                                                            expect_orderly(first());
                                                        }};
                                inner.resume();
                                expect_orderly(first());
                            }};
    outer.resume();
    outer.resume();
}

} // namespace
