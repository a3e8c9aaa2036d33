// SPDX-License-Identifier: MIT
//
// Destroying a coroutine: what has started is unwound on its own stack, what has not is dropped without
// running, and nothing is left behind (hazard 16).
#include <pirn/coro/coroutine.hpp>

#include "support/child.hpp"
#include "support/stacks.hpp"

#include <array>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

namespace {

class destroying : public support::on_each_stack {};
INSTANTIATE_TEST_SUITE_P(on, destroying, support::every_stack_kind(), support::name_of);

// Writes its letter when it goes.
struct letter {
    ~letter() { *text += what; }
    std::string* text;
    char what;
};

TEST_P(destroying, a_suspended_coroutine_runs_its_destructors_once_and_in_order) {
    std::string order;
    {
        pirn::coroutine<> waits{stack(), [&](auto& self) {
                                    const letter a{&order, 'a'};
                                    const letter b{&order, 'b'};
                                    [&] {
                                        const letter c{&order, 'c'};
                                        self.suspend();
                                        order += "not reached";
                                    }();
                                    order += "nor this";
                                }};
        waits.resume();
        EXPECT_EQ(order, "");
    }
    EXPECT_EQ(order, "cba");
}

TEST_P(destroying, a_done_coroutine_runs_nothing_again) {
    std::string order;
    {
        pirn::coroutine<> ends{stack(), [&] { const letter a{&order, 'a'}; }};
        ends.resume();
    }
    EXPECT_EQ(order, "a");
}

TEST_P(destroying, one_that_never_started_drops_its_callable_without_a_run) {
    const auto watched = std::make_shared<int>(0);
    bool ran = false;
    {
        const pirn::coroutine<> never{
            stack(), [watched, &ran](const std::shared_ptr<int>&) { ran = true; }, watched};
        EXPECT_EQ(watched.use_count(), 3);
    }
    EXPECT_EQ(watched.use_count(), 1);
    EXPECT_FALSE(ran);
}

TEST_P(destroying, drops_the_callable_the_arguments_and_the_result) {
    const auto watched = std::make_shared<int>(0);
    using shared = std::shared_ptr<int>;
    {
        pirn::coroutine<void, void, shared> suspended{stack(),
                                                      [watched](auto& self, shared argument) {
                                                          self.suspend();
                                                          return argument;
                                                      },
                                                      watched};
        suspended.resume();
        EXPECT_EQ(watched.use_count(), 3) << "ours, the callable's and the argument's";
    }
    EXPECT_EQ(watched.use_count(), 1);
    {
        pirn::coroutine<void, void, shared> ended{stack(), [&watched] { return watched; }};
        ended.resume();
        EXPECT_EQ(watched.use_count(), 2);
    }
    EXPECT_EQ(watched.use_count(), 1);
}

TEST_P(destroying, is_no_error_that_a_handler_for_errors_would_see) {
    bool handled = false;
    bool cleaned = false;
    {
        pirn::coroutine<> waits{stack(), [&](auto& self) {
                                    try {
                                        try {
                                            self.suspend();
                                        } catch (const std::exception&) {
                                            handled = true;
                                        }
                                    } catch (...) {
                                        cleaned = true;
                                        throw;
                                    }
                                }};
        waits.resume();
    }
    EXPECT_FALSE(handled);
    EXPECT_TRUE(cleaned);
}

TEST_P(destroying, may_throw_and_catch_other_things_on_the_way) {
    std::string order;
    struct careful {
        ~careful() {
            try {
                throw std::runtime_error{"closing failed"};
            } catch (const std::exception&) {
                *text += '!';
            }
        }
        std::string* text;
    };
    {
        pirn::coroutine<> waits{stack(), [&](auto& self) {
                                    const letter a{&order, 'a'};
                                    const careful b{&order};
                                    self.suspend();
                                }};
        waits.resume();
    }
    EXPECT_EQ(order, "!a");
}

TEST_P(destroying, may_run_other_coroutines_on_the_way) {
    std::string order;
    struct consults {
        ~consults() {
            for (auto more = helper->resume(); more; more = helper->resume()) {
                *text += helper->value();
            }
        }
        std::string* text;
        pirn::coroutine<char>* helper;
    };
    pirn::coroutine<char> helper{stack(), [](auto& self) {
                                     for (char c = 'x'; c <= 'z'; ++c) {
                                         self.yield(c);
                                     }
                                 }};
    {
        pirn::coroutine<> waits{stack(), [&](auto& self) {
                                    const consults at_the_end{&order, &helper};
                                    self.suspend();
                                }};
        waits.resume();
    }
    EXPECT_EQ(order, "xyz");
}

TEST_P(destroying, one_that_owns_others_ends_them_too) {
    std::string order;
    {
        pirn::coroutine<> outer{stack(), [&](auto& self) {
                                    const letter a{&order, 'a'};
                                    pirn::coroutine<> inner{[&](auto& in) {
                                        const letter b{&order, 'b'};
                                        in.suspend();
                                    }};
                                    inner.resume();
                                    self.suspend();
                                }};
        outer.resume();
    }
    EXPECT_EQ(order, "ba");
}

TEST_P(destroying, works_while_an_exception_is_on_its_way) {
    std::string order;
    try {
        pirn::coroutine<> waits{stack(), [&](auto& self) {
                                    const letter a{&order, 'a'};
                                    EXPECT_EQ(std::uncaught_exceptions(), 0);
                                    self.suspend();
                                }};
        waits.resume();
        throw std::runtime_error{"the owner fails"};
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "the owner fails");
        EXPECT_EQ(std::uncaught_exceptions(), 0);
    }
    EXPECT_EQ(order, "a");
}

TEST_P(destroying, one_that_waits_in_a_handler_frees_the_exception) {
    const auto watched = std::make_shared<int>(0);
    struct failure {
        std::shared_ptr<int> holds;
    };
    {
        pirn::coroutine<> waits{stack(), [&](auto& self) {
                                    try {
                                        throw failure{watched};
                                    } catch (const failure&) {
                                        self.suspend();
                                    }
                                }};
        waits.resume();
        EXPECT_EQ(watched.use_count(), 2);
    }
    EXPECT_EQ(watched.use_count(), 1);
    EXPECT_EQ(std::current_exception(), nullptr);
}

TEST_P(destroying, may_happen_on_another_thread) {
    std::string order;
    std::optional<pirn::coroutine<>> waits;
    waits.emplace(stack(), [&](auto& self) {
        const letter a{&order, 'a'};
        self.suspend();
    });
    waits->resume();
    std::thread{[&] { waits.reset(); }}.join();
    EXPECT_EQ(order, "a");
}

// ---- What cannot be done, and is said

class refusing : public support::balanced<> {};

// A child in which a coroutine called "stubborn" waits in `body` and is then destroyed.
template <class Body>
support::child_end destroyed_in_child(Body body) {
    return support::in_child([&] {
        pirn::coroutine<> stubborn{{.name = "stubborn"}, body};
        stubborn.resume();
    });
}

TEST_F(refusing, a_handler_that_swallows_the_unwinding_and_returns_is_named) {
    const auto end = destroyed_in_child([](auto& self) {
        try {
            self.suspend();
        } catch (...) { // NOLINT: that is the point
        }
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("a catch (...) swallowed the unwinding")) << end;
    EXPECT_TRUE(end.said(R"(name="stubborn")")) << end;
}

TEST_F(refusing, a_handler_that_swallows_the_unwinding_and_suspends_is_named) {
    const auto end = destroyed_in_child([](auto& self) {
        for (;;) {
            try {
                self.suspend();
            } catch (...) { // NOLINT: that is the point
            }
        }
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("a catch (...) swallowed the unwinding")) << end;
    EXPECT_TRUE(end.said(R"(name="stubborn")")) << end;
}

TEST_F(refusing, a_handler_that_replaces_the_unwinding_by_an_error_is_named) {
    const auto end = destroyed_in_child([](auto& self) {
        try {
            self.suspend();
        } catch (...) {
            throw std::runtime_error{"something else"};
        }
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("swallowed the unwinding")) << end;
}

TEST_F(refusing, a_destructor_that_suspends_during_the_unwinding_is_named) {
    struct lingers {
        ~lingers() { self->suspend(); }
        pirn::yielder<>* self;
    };
    const auto end = destroyed_in_child([](pirn::yielder<>& self) {
        const lingers at_the_end{&self};
        self.suspend();
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("a coroutine suspended while it is being destroyed")) << end;
    EXPECT_TRUE(end.said(R"(name="stubborn")")) << end;
}

TEST_F(refusing, one_that_waits_in_a_destructor_during_an_exception_is_named) {
    struct lingers {
        ~lingers() { self->suspend(); }
        pirn::yielder<>* self;
    };
    const auto end = destroyed_in_child([](pirn::yielder<>& self) {
        const lingers at_the_end{&self};
        throw std::runtime_error{"leaves through a destructor that waits"};
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("suspended in a destructor that runs because of an exception")) << end;
    EXPECT_TRUE(end.said(R"(name="stubborn")")) << end;
}

} // namespace
