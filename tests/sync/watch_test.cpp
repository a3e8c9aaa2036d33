// SPDX-License-Identifier: MIT
//
// The latest value.
#include <pirn/sync/watch.hpp>

#include <pirn/base/error.hpp>
#include <pirn/sync/select.hpp>

#include "sync/crew.hpp"

#include <string>

namespace {

using watch = sync_tests::with_crews;
using watches = support::balanced<>;
using sync_tests::crew;

TEST_P(watch, shows_values_in_order_and_always_the_last) {
    pirn::watch<int> number{0};
    crew all{GetParam()};
    all.add(4, [&, my = std::make_shared<pirn::watch<int>::subscription>(number.subscribe())] {
        auto mine = *my;
        int last = 0;
        while (const auto now = mine.changed()) {
            EXPECT_GT(*now, last);
            last = *now;
        }
        EXPECT_EQ(last, 300);
    });
    all.add([&] {
        for (int i = 1; i <= 300; ++i) {
            number.set(i);
            if (pirn::scheduler::current() != nullptr && i % 3 == 0) pirn::yield_now();
        }
        number.close();
    });
    all.run();
    EXPECT_EQ(number.get(), 300);
}

TEST_F(watches, count_as_seen_what_was_looked_at) {
    pirn::watch<std::string> text{"a"};
    auto mine = text.subscribe();
    EXPECT_FALSE(mine.has_changed());
    text.set("b");
    EXPECT_TRUE(mine.has_changed());
    EXPECT_EQ(mine.get(), "b");
    EXPECT_FALSE(mine.has_changed());
    text.set("c");
    text.set("d");
    EXPECT_EQ(mine.changed(), "d");
    text.set("e");
    text.close();
    EXPECT_EQ(mine.changed(), "e") << "the last one is not lost to closing";
    EXPECT_FALSE(mine.changed());
}

TEST_F(watches, lose_no_change_to_a_cancelled_wait) {
    pirn::scheduler tasks;
    pirn::watch<int> number{1};
    auto mine = number.subscribe();
    auto stopped = tasks.spawn([&] { EXPECT_THROW(mine.changed(), pirn::cancelled); });
    tasks.tick();
    stopped.request_stop();
    number.set(2);
    stopped.get();
    EXPECT_EQ(mine.changed(), 2);
}

TEST_F(watches, can_be_selected) {
    pirn::scheduler tasks;
    pirn::watch<int> one{1};
    pirn::watch<int> other{2};
    auto of_one = one.subscribe();
    auto of_other = other.subscribe();
    auto selects = tasks.spawn([&] {
        const auto value = [](std::optional<int> now) { return now.value_or(0); };
        return pirn::select(pirn::on(of_one.changing(), value),
                            pirn::on(of_other.changing(), value));
    });
    tasks.tick();
    other.set(3);
    EXPECT_EQ(selects.get(), 3);
    EXPECT_FALSE(of_other.has_changed());
    one.close();
    EXPECT_EQ(pirn::select(pirn::on(of_one.changing(), [](auto now) { return now.has_value(); })),
              false);
}

FOR_ALL_CREWS(watch);

} // namespace
