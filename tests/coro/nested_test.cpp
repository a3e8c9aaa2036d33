// SPDX-License-Identifier: MIT
//
// Coroutines within coroutines: resumed by one another to any depth, and suspended from further in than
// their own frame, through all that stand in between.
//
//   main ► outer ► middle ► inner: outer.suspend()        main goes on; all three wait as they are
#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/current.hpp>
#include <pirn/stack/slab.hpp>

#include "support/child.hpp"
#include "support/misuse.hpp"
#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

using pirn::coroutine_status;

class nested : public support::on_each_stack {};
INSTANTIATE_TEST_SUITE_P(on, nested, support::every_stack_kind(), support::name_of);

class nested_deeply : public support::balanced<> {};

struct tower {
    static constexpr std::size_t storey = std::size_t{64} * 1024;

    // Each storey resumes the next one until that ends, and hands on what it yields.
    static void rise(pirn::yielder<int>& self, int floors_above) {
        self.yield(floors_above);
        if (floors_above == 0) {
            return;
        }
        pirn::coroutine<int> above{{.stack_size = storey}, &rise, floors_above - 1};
        while (above.resume()) {
            self.yield(above.value());
        }
    }
};

// A thousand; each resume goes through all that there are.
constexpr int storeys = support::under_sanitizer ? 300 : 1000;

TEST_F(nested_deeply, a_thousand_coroutines_resume_one_another) {
    pirn::coroutine<int> ground{{.stack_size = tower::storey}, &tower::rise, storeys - 1};
    for (int above = storeys - 1; above >= 0; --above) {
        ASSERT_EQ(ground.next(), above);
    }
    EXPECT_EQ(pirn::live().coroutines, storeys);
    EXPECT_FALSE(ground.resume());
}

TEST_F(nested_deeply, a_thousand_coroutines_are_unwound) {
    pirn::coroutine<int> ground{{.stack_size = tower::storey}, &tower::rise, storeys - 1};
    for (int i = 0; i < storeys; ++i) {
        ground.resume();
    }
    EXPECT_EQ(pirn::live().coroutines, storeys);
    // The fixture sees that all of them have gone with the first.
}

// Hazard 49: were the end of one inside of the end of another, the stack of whoever destroys the first would
// have to be as deep as the tower is high.
TEST_F(nested_deeply, a_hundred_thousand_end_with_the_first_on_a_small_stack) {
    SKIP_WHEN(support::under_sanitizer || support::under_emulator,
              "an instrument or an emulator takes more memory for each stack than there is");
    constexpr std::size_t floors = 100'000;
    pirn::slab_stack_source plots{{.stack_size = 16 * 1024}};
    struct high {
        static void rise(pirn::yielder<>& ground, pirn::stack_source& plots, std::size_t above) {
            if (above == 0) {
                ground.suspend();
                return;
            }
            pirn::coroutine<> next{{.stack_size = 16 * 1024, .stacks = &plots},
                                   [&ground, &plots, above] { rise(ground, plots, above - 1); }};
            next.resume();
        }
    };
    pirn::coroutine<> owner{{.name = "owner", .stack_size = 16 * 1024}, [&] {
                                pirn::coroutine<> ground{
                                    {.stack_size = 16 * 1024, .stacks = &plots},
                                    [&](auto& self) { high::rise(self, plots, floors - 1); }};
                                ground.resume();
                                EXPECT_EQ(plots.lent(), floors);
                                EXPECT_EQ(ground.status(), coroutine_status::suspended);
                            }};
    owner.resume();
    EXPECT_EQ(plots.lent(), 0U);
}

TEST_F(nested_deeply, the_first_of_a_thousand_is_suspended_from_the_last) {
    pirn::yielder<int>* first = nullptr;
    struct dive {
        static void down(pirn::yielder<int>& first, int left) {
            if (left == 0) {
                first.yield(1);
                first.yield(2);
                return;
            }
            pirn::coroutine<> below{{.stack_size = tower::storey}, [&] { down(first, left - 1); }};
            EXPECT_FALSE(below.resume());
        }
    };
    pirn::coroutine<int> diver{{.stack_size = tower::storey}, [&](auto& self) {
                                   first = &self;
                                   dive::down(self, 999);
                                   self.yield(3);
                               }};
    EXPECT_EQ(diver.next(), 1);
    EXPECT_EQ(diver.next(), 2);
    EXPECT_EQ(diver.next(), 3);
    EXPECT_FALSE(diver.resume());
}

TEST_P(nested, an_outer_coroutine_is_suspended_from_within_an_inner_one) {
    std::string order;
    pirn::coroutine<char> outer{stack("outer"), [&](auto& self) {
                                    pirn::coroutine<char> inner{stack("inner"), [&](auto& in) {
                                                                    order += 'b';
                                                                    self.yield('1');
                                                                    order += 'd';
                                                                    in.yield('2');
                                                                    order += 'f';
                                                                    self.yield('3');
                                                                    order += 'h';
                                                                }};
                                    order += 'a';
                                    EXPECT_EQ(inner.next(), '2');
                                    order += 'e';
                                    EXPECT_FALSE(inner.resume());
                                    order += 'i';
                                }};
    EXPECT_EQ(outer.next(), '1');
    EXPECT_EQ(outer.status(), coroutine_status::suspended);
    EXPECT_FALSE(pirn::current());
    order += 'c';
    EXPECT_EQ(outer.next(), '3');
    order += 'g';
    EXPECT_FALSE(outer.resume());
    EXPECT_EQ(order, "abcdefghi");
}

TEST_P(nested, the_inner_one_stays_active_while_the_outer_is_suspended) {
    std::optional<pirn::coroutine<>> inner;
    pirn::coroutine<> outer{stack("outer"), [&](auto& self) {
                                inner.emplace(stack("inner"), [&] { self.suspend(); });
                                inner->resume();
                                inner.reset();
                            }};
    outer.resume();
    EXPECT_EQ(outer.status(), coroutine_status::suspended);
    EXPECT_EQ(inner->status(), coroutine_status::active);
    EXPECT_TRUE(support::complains([&] { inner->resume(); }, "can be resumed",
                                   R"(name="inner", status="active")"));
    EXPECT_FALSE(outer.resume());
}

TEST_P(nested, others_run_while_the_outer_is_suspended_from_within) {
    pirn::coroutine<int> outer{stack("outer"), [&](auto& self) {
                                   pirn::coroutine<> inner{[&] {
                                       EXPECT_EQ(pirn::current()->name(), "");
                                       self.yield(1);
                                       self.yield(2);
                                   }};
                                   inner.resume();
                               }};
    pirn::coroutine<int> other{stack("other"), [](auto& self) {
                                   self.yield(10);
                                   self.yield(20);
                               }};
    EXPECT_EQ(outer.next(), 1);
    EXPECT_EQ(other.next(), 10);
    // Resumed by a coroutine now, having been resumed by none before.
    pirn::coroutine<> resumer{stack("resumer"), [&] {
                                  EXPECT_EQ(outer.next(), 2);
                                  EXPECT_EQ(pirn::current()->name(), "resumer");
                              }};
    resumer.resume();
    EXPECT_EQ(other.next(), 20);
    EXPECT_FALSE(outer.resume());
}

TEST_P(nested, an_outer_one_goes_on_on_another_thread) {
    // Asked of the kernel: a compiler knows that pthread_self() never changes, and it does here.
    pid_t before = 0;
    pid_t after = 0;
    pirn::coroutine<> outer{stack("outer"), [&](auto& self) {
                                pirn::coroutine<> inner{[&] {
                                    before = ::gettid();
                                    self.suspend();
                                    after = ::gettid();
                                }};
                                inner.resume();
                                EXPECT_EQ(after, ::gettid());
                            }};
    outer.resume();
    std::thread{[&] { outer.resume(); }}.join();
    EXPECT_TRUE(outer.done());
    EXPECT_EQ(before, ::gettid());
    EXPECT_NE(after, before);
}

TEST_P(nested, an_outer_one_that_is_destroyed_takes_the_inner_ones_along) {
    std::string order;
    struct letter {
        ~letter() { *text += what; }
        std::string* text;
        char what;
    };
    {
        pirn::coroutine<> outer{stack("outer"), [&](auto& self) {
                                    const letter a{&order, 'a'};
                                    pirn::coroutine<> middle{stack("middle"), [&] {
                                                                 const letter b{&order, 'b'};
                                                                 pirn::coroutine<> inner{[&] {
                                                                     const letter c{&order, 'c'};
                                                                     try {
                                                                         self.suspend();
                                                                     } catch (
                                                                         const std::exception&) {
                                                                         order += "an error?";
                                                                     }
                                                                 }};
                                                                 inner.resume();
                                                                 order += "not reached";
                                                             }};
                                    middle.resume();
                                    order += "nor this";
                                }};
        outer.resume();
    }
    EXPECT_EQ(order, "cba");
}

TEST_P(nested, an_inner_one_of_somebody_else_is_done_when_the_outer_was_destroyed) {
    pirn::yielder<>* outer_yielder = nullptr;
    pirn::coroutine<> inner{stack("inner"), [&](auto& self) {
                                self.suspend();
                                outer_yielder->suspend();
                            }};
    {
        pirn::coroutine<> outer{stack("outer"), [&](auto& self) {
                                    outer_yielder = &self;
                                    inner.resume();
                                    inner.resume();
                                }};
        outer.resume();
        EXPECT_EQ(inner.status(), coroutine_status::active);
    }
    EXPECT_EQ(inner.status(), coroutine_status::done);
}

TEST_P(nested, exceptions_that_are_being_handled_are_kept_at_every_level) {
    const auto rethrown = [] {
        try {
            throw;
        } catch (const std::exception& error) {
            return std::string{error.what()};
        }
    };
    pirn::coroutine<> outer{stack("outer"), [&](auto& self) {
                                try {
                                    throw std::runtime_error{"outer's"};
                                } catch (const std::exception&) {
                                    pirn::coroutine<> inner{
                                        stack("inner"), [&] {
                                            try {
                                                throw std::runtime_error{"inner's"};
                                            } catch (const std::exception&) {
                                                self.suspend();
                                                EXPECT_EQ(rethrown(), "inner's");
                                            }
                                            self.suspend();
                                            EXPECT_EQ(std::current_exception(), nullptr);
                                        }};
                                    inner.resume();
                                    EXPECT_EQ(rethrown(), "outer's");
                                }
                            }};
    outer.resume();
    EXPECT_EQ(std::current_exception(), nullptr);
    try {
        throw std::runtime_error{"main's"};
    } catch (const std::exception&) {
        outer.resume();
        EXPECT_EQ(rethrown(), "main's");
    }
    EXPECT_FALSE(outer.resume());
}

TEST_F(nested_deeply, an_inner_handler_that_swallows_the_unwinding_is_reported) {
    const auto end = support::in_child([] {
        pirn::coroutine<> outer{{.name = "outer"}, [](auto& self) {
                                    pirn::coroutine<> inner{{.name = "inner"}, [&] {
                                                                try {
                                                                    self.suspend();
                                                                } catch (...) { // NOLINT
                                                                }
                                                            }};
                                    inner.resume();
                                }};
        outer.resume();
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("a catch (...) swallowed the unwinding")) << end;
    EXPECT_TRUE(end.said(R"(name="outer")")) << end;
}

} // namespace
