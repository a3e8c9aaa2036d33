// SPDX-License-Identifier: MIT
//
// The coroutine as its users see it: what resume, next, finish, value, result and status do on every
// kind of stack. What goes through the types is values_test, what goes wrong is misuse_test.
#include <pirn/coro/coroutine.hpp>

#include "support/stacks.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using pirn::coroutine_status;

class coroutine : public support::on_each_stack {};
INSTANTIATE_TEST_SUITE_P(on, coroutine, support::every_stack_kind(), support::name_of);

TEST_P(coroutine, runs_nothing_before_it_is_resumed) {
    int runs = 0;
    pirn::coroutine<> counts{stack(), [&] { ++runs; }};
    EXPECT_EQ(runs, 0);
    EXPECT_FALSE(counts.resume());
    EXPECT_EQ(runs, 1);
}

TEST_P(coroutine, yields_values_until_it_returns) {
    pirn::coroutine<int> squares{stack(), [](auto& self) {
                                     for (int i = 0; i < 4; ++i) {
                                         self.yield(i * i);
                                     }
                                 }};
    std::vector<int> seen;
    while (squares.resume()) {
        seen.push_back(squares.value());
    }
    EXPECT_EQ(seen, (std::vector{0, 1, 4, 9}));
    EXPECT_TRUE(squares.done());
}

TEST_P(coroutine, goes_to_and_fro_between_resumer_and_itself) {
    std::string order;
    pirn::coroutine<> talks{stack(), [&](auto& self) {
                                order += 'b';
                                self.suspend();
                                order += 'd';
                                self();
                                order += 'f';
                            }};
    order += 'a';
    EXPECT_TRUE(talks.resume());
    order += 'c';
    EXPECT_TRUE(talks.resume());
    order += 'e';
    EXPECT_FALSE(talks.resume());
    EXPECT_EQ(order, "abcdef");
}

TEST_P(coroutine, takes_a_value_at_each_resume_but_the_first) {
    pirn::coroutine<int, int, int> sums{stack(), [](auto& self) {
                                            int sum = 0;
                                            while (const int more = self.yield(sum)) {
                                                sum += more;
                                            }
                                            return sum * 100;
                                        }};
    EXPECT_TRUE(sums.resume());
    EXPECT_EQ(sums.value(), 0);
    EXPECT_TRUE(sums.resume(3));
    EXPECT_EQ(sums.value(), 3);
    EXPECT_TRUE(sums.resume(4));
    EXPECT_EQ(sums.value(), 7);
    EXPECT_FALSE(sums.resume(0));
    EXPECT_EQ(sums.result(), 700);
    EXPECT_EQ(sums.result(), 700) << "the result stays";
}

TEST_P(coroutine, next_and_finish_say_what_is_expected) {
    pirn::coroutine<std::string, int, std::string> spells{stack(),
                                                          [](auto& self, std::string text) {
                                                              for (int i = 0; i < 2; ++i) {
                                                                  text += std::to_string(
                                                                      self.yield(text));
                                                              }
                                                              return text + "!";
                                                          },
                                                          "a"};
    EXPECT_EQ(spells.next(), "a");
    EXPECT_EQ(spells.next(1), "a1");
    EXPECT_EQ(spells.finish(2), "a12!");
    EXPECT_TRUE(spells.done());
}

TEST_P(coroutine, can_be_suspended_from_any_function_that_it_calls) {
    struct deep {
        static int dive(pirn::yielder<int>& self, int depth) {
            if (depth == 0) {
                self.yield(0);
                return 1;
            }
            const int below = dive(self, depth - 1);
            self.yield(depth);
            return below + 1;
        }
    };
    pirn::coroutine<int, void, int> diver{stack(), [](auto& self) { return deep::dive(self, 50); }};
    for (int i = 0; i <= 50; ++i) {
        ASSERT_EQ(diver.next(), i);
    }
    EXPECT_EQ(diver.finish(), 51);
}

TEST_P(coroutine, has_the_status_of_the_picture) {
    pirn::coroutine<>* self_handle = nullptr;
    coroutine_status inside{};
    coroutine_status outer_inside_inner{};
    pirn::coroutine<> outer{stack(), [&](auto& self) {
                                inside = self_handle->status();
                                self.suspend();
                                pirn::coroutine<> inner{
                                    [&] { outer_inside_inner = self_handle->status(); }};
                                EXPECT_EQ(inner.status(), coroutine_status::start);
                                inner.resume();
                                EXPECT_EQ(inner.status(), coroutine_status::done);
                            }};
    self_handle = &outer;
    EXPECT_EQ(outer.status(), coroutine_status::start);
    EXPECT_FALSE(outer.done());
    outer.resume();
    EXPECT_EQ(inside, coroutine_status::active);
    EXPECT_EQ(outer.status(), coroutine_status::suspended);
    EXPECT_FALSE(outer.done());
    outer.resume();
    EXPECT_EQ(outer_inside_inner, coroutine_status::active) << "it waits for the inner one";
    EXPECT_EQ(outer.status(), coroutine_status::done);
    EXPECT_TRUE(outer.done());
}

TEST_P(coroutine, is_done_after_an_exception) {
    pirn::coroutine<> throws{stack(), [] { throw 1; }};
    EXPECT_THROW(throws.resume(), int);
    EXPECT_EQ(throws.status(), coroutine_status::done);
}

TEST(coroutine_status, has_names) {
    EXPECT_EQ(to_string(coroutine_status::start), "start");
    EXPECT_EQ(to_string(coroutine_status::suspended), "suspended");
    EXPECT_EQ(to_string(coroutine_status::active), "active");
    EXPECT_EQ(to_string(coroutine_status::done), "done");
}

TEST_P(coroutine, can_be_moved_whatever_it_is_doing) {
    const auto counting = [](auto& self) {
        for (int i = 0;; ++i) {
            self.yield(i);
        }
    };
    pirn::coroutine<int> fresh{stack("fresh"), counting};
    pirn::coroutine<int> first{std::move(fresh)};
    EXPECT_EQ(fresh.status(), coroutine_status::done) << "NOLINT: moved-from is defined";
    EXPECT_EQ(fresh.name(), "");
    EXPECT_EQ(first.next(), 0);
    pirn::coroutine<int> second{std::move(first)};
    EXPECT_EQ(second.value(), 0);
    EXPECT_EQ(second.next(), 1);
    EXPECT_EQ(second.name(), "fresh");
}

TEST_P(coroutine, is_destroyed_when_another_is_moved_over_it) {
    struct flag {
        ~flag() { *lowered = true; }
        bool* lowered;
    };
    bool first_ended = false;
    pirn::coroutine<> one{stack(), [&](auto& self) {
                              const flag raised{&first_ended};
                              self.suspend();
                          }};
    one.resume();
    pirn::coroutine<> other{stack(), [](auto& self) { self.suspend(); }};
    one = std::move(other);
    EXPECT_TRUE(first_ended);
    EXPECT_EQ(one.status(), coroutine_status::start);
    pirn::coroutine<>& same = one;
    one = std::move(same);
    EXPECT_EQ(one.status(), coroutine_status::start) << "a move onto itself changes nothing";
}

TEST_P(coroutine, can_be_created_and_destroyed_within_another) {
    pirn::coroutine<int> outer{stack(), [&](auto& self) {
                                   for (int i = 0; i < 3; ++i) {
                                       pirn::coroutine<int> inner{[i](auto& in) {
                                           in.yield(i);
                                           in.yield(i + 10);
                                       }};
                                       self.yield(inner.next());
                                       self.yield(inner.next());
                                   }
                               }};
    std::vector<int> seen;
    while (outer.resume()) {
        seen.push_back(outer.value());
    }
    EXPECT_EQ(seen, (std::vector{0, 10, 1, 11, 2, 12}));
}

TEST_P(coroutine, can_be_many_in_turn) {
    std::vector<pirn::coroutine<int>> many;
    for (int k = 0; k < 6; ++k) {
        many.emplace_back(stack(), [k](auto& self) {
            for (int i = 0; i < 100; ++i) {
                self.yield(i * k);
            }
        });
    }
    for (int i = 0; i < 100; ++i) {
        for (int k = 0; k < 6; ++k) {
            ASSERT_EQ(many[static_cast<std::size_t>(k)].next(), i * k);
        }
    }
    for (auto& one : many) {
        EXPECT_FALSE(one.resume());
    }
}

} // namespace
