// SPDX-License-Identifier: MIT
//
// The coroutine's view of itself. What it does to values stands in values_test.
#include <pirn/coro/yielder.hpp>

#include <pirn/coro/coroutine.hpp>

#include "support/account.hpp"

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

namespace {

template <class Yield, class Value>
concept yields =
    requires(pirn::yielder<Yield>& self, Value&& value) { self.yield(std::forward<Value>(value)); };

class yielder : public support::balanced<> {};

TEST_F(yielder, knows_the_name_of_its_coroutine) {
    std::string seen;
    pirn::coroutine<> named{{.name = "namesake"}, [&](auto& self) { seen = self.name(); }};
    named.resume();
    EXPECT_EQ(seen, "namesake");
}

TEST_F(yielder, can_be_called_like_a_function) {
    pirn::coroutine<int, int> echoes{[](auto& yield) {
        int last = 0;
        for (;;) {
            last = yield(last + 1);
        }
    }};
    EXPECT_EQ(echoes.next(), 1);
    EXPECT_EQ(echoes.next(10), 11);
    EXPECT_EQ(echoes.next(20), 21);
}

TEST_F(yielder, converts_what_is_yielded) {
    pirn::coroutine<std::string> speaks{[](auto& yield) {
        yield("a literal");
        yield.yield({"initializer", 4});
        const std::string_view view = "a view";
        yield(std::string{view});
    }};
    EXPECT_EQ(speaks.next(), "a literal");
    EXPECT_EQ(speaks.next(), "init");
    EXPECT_EQ(speaks.next(), "a view");

    pirn::coroutine<double> counts{[](auto& yield) {
        yield(1);
        yield(2U);
    }};
    EXPECT_EQ(counts.next(), 1.0);
    EXPECT_EQ(counts.next(), 2.0);
}

TEST_F(yielder, keeps_temporaries_alive_while_it_is_suspended) {
    struct shows {
        ~shows() { text = "gone"; }
        std::string text;
    };
    pirn::coroutine<const std::string> speaks{[](auto& yield) { yield(shows{"still here"}.text); }};
    EXPECT_EQ(speaks.next(), "still here");
}

TEST_F(yielder, can_be_the_argument_of_a_plain_function) {
    struct recursive {
        static void count_down(pirn::yielder<int>& yield, int from) {
            yield(from);
            if (from > 0) {
                count_down(yield, from - 1);
            }
        }
    };
    pirn::coroutine<int> counts{&recursive::count_down, 3};
    for (int i = 3; i >= 0; --i) {
        EXPECT_EQ(counts.next(), i);
    }
    EXPECT_FALSE(counts.resume());
}

TEST_F(yielder, stays_where_it_is) {
    static_assert(!std::is_copy_constructible_v<pirn::yielder<int>>);
    static_assert(!std::is_move_constructible_v<pirn::yielder<int>>);
    static_assert(!std::is_copy_assignable_v<pirn::yielder<>>);
}

TEST_F(yielder, refuses_what_is_constant_and_cannot_be_copied) {
    struct fixed {
        fixed() = default;
        fixed(const fixed&) = delete;
    };
    static_assert(yields<fixed, fixed&>);
    static_assert(yields<const fixed, const fixed&>);
    static_assert(!yields<fixed, const fixed&>);
}

} // namespace
