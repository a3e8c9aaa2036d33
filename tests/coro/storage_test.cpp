// SPDX-License-Identifier: MIT
//
// Coroutine storage: at hand wherever the coroutine runs, of the right type or not at all.
#include <pirn/coro/storage.hpp>

#include <pirn/coro/coroutine.hpp>

#include "support/misuse.hpp"
#include "support/stacks.hpp"

#include <deque>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

class storage : public support::on_each_stack {
  protected:
    template <class T>
    pirn::coroutine_options stack_with(pirn::coroutine_storage<T>& of, std::string_view name = {}) {
        pirn::coroutine_options options = stack(name);
        options.storage = &of;
        return options;
    }
};
INSTANTIATE_TEST_SUITE_P(on, storage, support::every_stack_kind(), support::name_of);

PIRN_NOINLINE void note(std::string what) {
    pirn::storage<std::vector<std::string>>().push_back(std::move(what));
}

TEST_P(storage, is_reached_from_any_depth_without_being_handed_down) {
    pirn::coroutine_storage<std::vector<std::string>> notes;
    pirn::coroutine<> one{stack_with(notes), [](auto& self) {
                              note("first");
                              self.suspend();
                              note("second");
                          }};
    one.resume();
    EXPECT_EQ(notes.value, std::vector<std::string>{"first"});
    notes.value.emplace_back("from outside");
    one.resume();
    EXPECT_EQ(notes.value, (std::vector<std::string>{"first", "from outside", "second"}));
}

TEST_P(storage, is_each_coroutines_own) {
    pirn::coroutine_storage<int> of_outer{1};
    pirn::coroutine_storage<int> of_inner{2};
    pirn::coroutine<> outer{stack_with(of_outer), [&](auto&) {
                                EXPECT_EQ(pirn::storage<int>(), 1);
                                pirn::coroutine<> inner{stack_with(of_inner), [&](auto& self) {
                                                            EXPECT_EQ(pirn::storage<int>(), 2);
                                                            self.suspend();
                                                            EXPECT_EQ(pirn::storage<int>(), 2);
                                                        }};
                                inner.resume();
                                EXPECT_EQ(pirn::storage<int>(), 1);
                                pirn::coroutine<> without{
                                    stack(), [] { EXPECT_EQ(pirn::find_storage<int>(), nullptr); }};
                                without.resume();
                                inner.resume();
                            }};
    outer.resume();
    EXPECT_EQ(pirn::find_storage<int>(), nullptr) << "outside of any coroutine";
}

TEST_P(storage, goes_with_the_coroutine_to_another_thread) {
    pirn::coroutine_storage<int> count{0};
    pirn::coroutine<> one{stack_with(count), [](auto& self) {
                              for (;;) {
                                  ++pirn::storage<int>();
                                  self.suspend();
                              }
                          }};
    one.resume();
    std::thread{[&] { one.resume(); }}.join();
    EXPECT_EQ(count.value, 2);
    EXPECT_EQ(pirn::find_storage<int>(one.ref()), &count.value);
}

TEST_P(storage, of_another_type_is_none) {
    pirn::coroutine_storage<int> number{1};
    pirn::coroutine<> one{stack_with(number, "one"), [&] {
                              EXPECT_EQ(pirn::find_storage<long>(), nullptr);
                              EXPECT_EQ(pirn::find_storage<const int>(), nullptr);
                              EXPECT_EQ(pirn::find_storage<int>(), &number.value);
                              EXPECT_TRUE(support::complains([] { pirn::storage<long>(); },
                                                             "has no storage of this type",
                                                             R"(name="one")"));
                          }};
    one.resume();
    EXPECT_TRUE(support::complains([] { pirn::storage<int>(); }, "has no storage of this type",
                                   "(no coroutine)"));
}

// As others have it: bytes are pushed by one side and popped by the other, last in, first out.
TEST_P(storage, serves_as_the_stack_of_values_that_both_sides_push_to_and_pop_from) {
    pirn::coroutine_storage<std::deque<long>> values;
    const auto pop = [](std::deque<long>& from) {
        EXPECT_FALSE(from.empty());
        const long last = from.back();
        from.pop_back();
        return last;
    };
    pirn::coroutine<> fibonacci{stack_with(values), [&](auto& self) {
                                    auto& mine = pirn::storage<std::deque<long>>();
                                    const long most = pop(mine);
                                    long before = 1;
                                    for (long now = 1; now < most;) {
                                        mine.push_back(now);
                                        self.suspend();
                                        const long last = std::exchange(before, now);
                                        now += last;
                                    }
                                }};
    values.value.push_back(100);
    std::vector<long> got;
    while (fibonacci.resume()) {
        got.push_back(pop(values.value));
    }
    EXPECT_EQ(got, (std::vector<long>{1, 2, 3, 5, 8, 13, 21, 34, 55, 89}));
    EXPECT_TRUE(values.value.empty());
}

} // namespace
