// SPDX-License-Identifier: MIT
//
// What may travel: void, values, references, move-only and over-aligned things, in each of the three
// places; and what may be called, with which arguments.
#include <pirn/coro/coroutine.hpp>

#include "support/account.hpp"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

class values : public support::balanced<> {};
class callables : public support::balanced<> {};

using boxed = std::unique_ptr<int>;

// Counts its copies and moves.
struct traveller {
    explicit traveller(int what) : number{what} {}
    traveller(const traveller& other) : number{other.number}, copies{other.copies + 1} {}
    traveller(traveller&& other) noexcept
        : number{std::exchange(other.number, -1)}, copies{other.copies}, moves{other.moves + 1} {}
    int number;
    int copies = 0;
    int moves = 0;
};

TEST_F(values, may_all_be_void) {
    pirn::coroutine<void, void, void> nothing{[](pirn::yielder<>& self) { self.suspend(); }};
    EXPECT_TRUE(nothing.resume());
    nothing.finish();
    EXPECT_TRUE(nothing.done());
}

TEST_F(values, may_be_injected_where_nothing_is_yielded) {
    std::string heard;
    pirn::coroutine<void, char> listens{[&](auto& self) {
        while (const char c = self.suspend()) {
            heard += c;
        }
        heard += self(); // the same, as a call
    }};
    listens.resume();
    listens.resume('a');
    listens.resume('b');
    listens.resume('\0');
    EXPECT_FALSE(listens.resume('c'));
    EXPECT_EQ(heard, "abc");
}

TEST_F(values, may_be_returned_where_nothing_else_travels) {
    pirn::coroutine<void, void, std::string> answers{[] { return "forty-two"; }};
    EXPECT_EQ(answers.finish(), "forty-two");
}

TEST_F(values, that_are_yielded_are_the_very_objects_and_no_copies) {
    traveller* inside = nullptr;
    pirn::coroutine<traveller> shows{[&](auto& self) {
        traveller own{7};
        inside = &own;
        self.yield(own);
        EXPECT_EQ(own.number, 8) << "the resumer may change it";
        self.yield(traveller{9});
        const traveller constant{10};
        self.yield(constant);
    }};
    EXPECT_EQ(&shows.next(), inside);
    EXPECT_EQ(shows.value().copies + shows.value().moves, 0);
    shows.value().number = 8;
    EXPECT_EQ(shows.next().number, 9);
    EXPECT_EQ(shows.value().copies + shows.value().moves, 0);
    EXPECT_EQ(shows.next().number, 10);
    EXPECT_EQ(shows.value().copies, 1) << "a constant must not be changed, so it is copied";
}

TEST_F(values, that_are_constant_are_never_copied) {
    const traveller constant{1};
    pirn::coroutine<const traveller> shows{[&](auto& self) { self.yield(constant); }};
    EXPECT_EQ(&shows.next(), &constant);
    static_assert(std::is_same_v<decltype(shows.value()), const traveller&>);
}

TEST_F(values, may_be_yielded_by_reference) {
    std::array<int, 3> numbers{1, 2, 3};
    pirn::coroutine<int&> shows{[&](auto& self) {
        for (int& number : numbers) {
            self.yield(number);
        }
    }};
    while (shows.resume()) {
        shows.value() *= 10;
    }
    EXPECT_EQ(numbers, (std::array{10, 20, 30}));
}

TEST_F(values, that_can_only_be_moved_go_every_way) {
    pirn::coroutine<boxed, boxed, boxed> relays{[](auto& self, boxed first) {
                                                    boxed second = self.yield(std::move(first));
                                                    boxed third = self.yield(std::move(second));
                                                    return third;
                                                },
                                                std::make_unique<int>(1)};
    boxed got = std::move(relays.next());
    EXPECT_EQ(*got, 1);
    got = std::move(relays.next(std::make_unique<int>(2)));
    EXPECT_EQ(*got, 2);
    got = relays.finish(std::make_unique<int>(3));
    EXPECT_EQ(*got, 3);
    EXPECT_EQ(relays.result(), nullptr) << "finish has moved it out";
}

TEST_F(values, are_converted_to_what_is_injected) {
    std::vector<std::string> heard;
    pirn::coroutine<void, std::string> listens{[&](auto& self) {
        for (;;) {
            heard.push_back(self.suspend());
        }
    }};
    listens.resume();
    listens.resume("a literal is no string yet");
    listens.resume({"xxxxx and more", 5});
    std::string kept = "still here";
    listens.resume(kept);
    EXPECT_EQ(kept, "still here") << "what the caller keeps is copied, not moved";
    const std::string constant = "constant";
    listens.resume(constant);
    listens.resume(std::move(kept));
    EXPECT_EQ(heard, (std::vector<std::string>{"a literal is no string yet", "xxxxx", "still here",
                                               "constant", "still here"}));
    EXPECT_EQ(constant, "constant");

    pirn::coroutine<void, long, long> adds{[](auto& self) {
        const long first = self.suspend();
        return first + self.suspend();
    }};
    adds.resume();
    adds.resume(1);
    EXPECT_EQ(adds.finish('\2'), 3);
}

TEST_F(values, may_be_injected_by_reference) {
    pirn::coroutine<void, int&> doubles{[](auto& self) {
        for (;;) {
            int& number = self.suspend();
            number *= 2;
        }
    }};
    int one = 1;
    int two = 2;
    doubles.resume();
    doubles.resume(one);
    doubles.resume(two);
    EXPECT_EQ(one, 2);
    EXPECT_EQ(two, 4);

    pirn::coroutine<void, boxed&&, int> opens{[](auto& self) {
        boxed taken = self.suspend();
        return *taken;
    }};
    opens.resume();
    boxed given = std::make_unique<int>(5);
    EXPECT_EQ(opens.finish(std::move(given)), 5);
    EXPECT_EQ(given, nullptr);

    pirn::coroutine<void, const std::string&, std::size_t> measures{
        [](auto& self) { return self.suspend().size(); }};
    measures.resume();
    EXPECT_EQ(measures.finish("made for the occasion"), 21U);
}

TEST_F(values, may_be_returned_by_reference) {
    int number = 1;
    pirn::coroutine<void, void, int&> finds{[&]() -> int& { return number; }};
    finds.resume();
    EXPECT_EQ(&finds.result(), &number);

    pirn::coroutine<void, void, const int&> shows{[&]() -> const int& { return number; }};
    EXPECT_EQ(&shows.finish(), &number);

    pirn::coroutine<void, void, int&&> gives{[&]() -> int&& { return std::move(number); }};
    int&& given = gives.finish();
    EXPECT_EQ(&given, &number);
}

TEST_F(values, that_are_returned_are_built_in_place) {
    struct immovable {
        explicit immovable(int what) : number{what} {}
        immovable(const immovable&) = delete;
        int number;
    };
    pirn::coroutine<void, void, immovable> builds{[] { return immovable{3}; }};
    builds.resume();
    EXPECT_EQ(builds.result().number, 3);

    pirn::coroutine<void, void, const std::string> constant{[] { return std::string{"c"}; }};
    constant.resume();
    EXPECT_EQ(constant.result(), "c");
}

TEST_F(values, may_be_aligned_to_more_than_any_register) {
    struct alignas(256) wide {
        std::array<double, 32> lanes{};
        bool aligned() const { return reinterpret_cast<std::uintptr_t>(this) % 256 == 0; }
    };
    pirn::coroutine<wide, const wide&, wide> carries{[](auto& self, const wide& argument) {
                                                         EXPECT_TRUE(argument.aligned());
                                                         wide out;
                                                         out.lanes.fill(2.0);
                                                         wide in = self.yield(out);
                                                         EXPECT_TRUE(in.aligned());
                                                         in.lanes[31] += 1;
                                                         return in;
                                                     },
                                                     wide{}};
    EXPECT_TRUE(carries.next().aligned());
    EXPECT_EQ(carries.value().lanes[31], 2.0);
    wide in;
    in.lanes.fill(4.0);
    EXPECT_FALSE(carries.resume(in));
    EXPECT_TRUE(carries.result().aligned());
    EXPECT_EQ(carries.result().lanes[31], 5.0);
}

TEST_F(values, that_overload_everything_are_left_alone) {
    struct vain {
        vain* operator&() = delete; // NOLINT: that is the point
        static void* operator new(std::size_t) = delete;
        int number = 6;
    };
    pirn::coroutine<vain, vain, vain> carries{[](auto& self, vain first) {
                                                  vain second = self.yield(first);
                                                  return second;
                                              },
                                              vain{}};
    EXPECT_EQ(carries.next().number, 6);
    EXPECT_EQ(carries.finish(vain{}).number, 6);
}

TEST_F(callables, may_do_without_the_yielder) {
    pirn::coroutine<void, void, int> adds{[](int a, int b) { return a + b; }, 3, 4};
    EXPECT_EQ(adds.finish(), 7);
}

TEST_F(callables, get_the_yielder_when_they_would_take_anything) {
    pirn::coroutine<int> any{[](auto&&... parts) {
                                 static_assert(sizeof...(parts) > 0,
                                               "not even tried without the yielder");
                                 EXPECT_EQ(sizeof...(parts), 2U);
                                 std::get<0>(std::tie(parts...)).yield(1);
                             },
                             5};
    EXPECT_EQ(any.next(), 1);
}

TEST_F(callables, may_be_functions_members_and_other_objects) {
    struct counter {
        void count(pirn::yielder<int>& self, int to) const {
            for (int i = 0; i < to; ++i) {
                self.yield(i);
            }
        }
        int sum(int more) const { return start + more; }
        int start = 40;
    };
    static const auto free_function = +[](pirn::yielder<int>& self) { self.yield(11); };
    pirn::coroutine<int> pointer{free_function};
    EXPECT_EQ(pointer.next(), 11);

    const counter object;
    pirn::coroutine<void, void, int> member{&counter::sum, &object, 2};
    EXPECT_EQ(member.finish(), 42);
    pirn::coroutine<void, void, int> field{&counter::start, object};
    EXPECT_EQ(field.finish(), 40);

    const std::function<void(pirn::yielder<int>&)> function = [](auto& self) { self.yield(12); };
    pirn::coroutine<int> erased{function};
    EXPECT_EQ(erased.next(), 12);

    pirn::coroutine<int> bound{std::bind_front(&counter::count, &object), 1};
    EXPECT_EQ(bound.next(), 0);
    EXPECT_FALSE(bound.resume());
}

TEST_F(callables, that_cannot_be_copied_are_moved_in_and_called_as_rvalues) {
    struct once {
        once() = default;
        once(once&&) = default;
        once(const once&) = delete;
        int operator()(boxed box) && { return *box + *own; }
        boxed own = std::make_unique<int>(30);
    };
    pirn::coroutine<void, void, int> runs{once{}, std::make_unique<int>(3)};
    EXPECT_EQ(runs.finish(), 33);
}

TEST_F(callables, and_arguments_are_copied_when_the_caller_keeps_them) {
    traveller kept{5};
    const auto function = [mine = traveller{1}](traveller&& argument) {
        return mine.number + argument.number + argument.copies;
    };
    pirn::coroutine<void, void, int> runs{function, kept};
    EXPECT_EQ(runs.finish(), 1 + 5 + 1);
    EXPECT_EQ(kept.number, 5);
    EXPECT_EQ(function(traveller{2}), 3) << "the callable was copied too";
}

TEST_F(callables, take_references_through_std_ref) {
    int number = 1;
    pirn::coroutine<> adds{[](int& target) { target += 4; }, std::ref(number)};
    adds.resume();
    EXPECT_EQ(number, 5);
}

TEST_F(callables, end_with_the_run_and_before_the_handle) {
    const auto watched = std::make_shared<int>(0);
    pirn::coroutine<void, void, int> runs{
        [watched](auto&, const std::shared_ptr<int>&) { return 3; }, watched};
    EXPECT_EQ(watched.use_count(), 3);
    runs.resume();
    EXPECT_EQ(watched.use_count(), 1) << "the callable and the arguments";
    EXPECT_EQ(runs.result(), 3);
}

TEST_F(callables, that_fit_nothing_are_refused_by_the_compiler) {
    using numbers = pirn::coroutine<int>;
    const auto needs_text = [](pirn::yielder<int>&, const std::string&) {};
    static_assert(std::is_constructible_v<numbers, decltype(needs_text), const char*>);
    static_assert(!std::is_constructible_v<numbers, decltype(needs_text)>);
    static_assert(!std::is_constructible_v<numbers, decltype(needs_text), int*>);
    static_assert(!std::is_constructible_v<numbers, int>);
    static_assert(!std::is_copy_constructible_v<numbers>);
    static_assert(!std::is_copy_assignable_v<numbers>);
    static_assert(std::is_nothrow_move_constructible_v<numbers>);
    static_assert(std::is_nothrow_move_assignable_v<numbers>);
}

} // namespace
