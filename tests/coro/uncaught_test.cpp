// SPDX-License-Identifier: MIT
//
// Guards that commit unless they are unwound: they compare std::uncaught_exceptions() with what it was at their
// construction. Destroying a suspended coroutine must look to them as an exception does, and leave the counts of
// both sides as they were.
#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/generator.hpp>

#include "support/stacks.hpp"

#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

namespace {

// Writes C if it was left in the ordinary way, R if it was unwound.
class transaction {
  public:
    explicit transaction(std::string& log) noexcept : log_{&log} {}
    ~transaction() { *log_ += std::uncaught_exceptions() > count_ ? 'R' : 'C'; }
    transaction(const transaction&) = delete;
    transaction& operator=(const transaction&) = delete;

  private:
    std::string* log_;
    int count_ = std::uncaught_exceptions();
};

// Rethrows what comes by.
template <class Function>
void through_a_handler_for_everything(Function function) {
    try {
        function();
    } catch (...) {
        throw;
    }
}

class uncaught : public support::on_each_stack {
  protected:
    // Resumes a coroutine once and destroys it.
    template <class Function>
    void resume_and_destroy(Function function) {
        pirn::coroutine<> waits{stack(), std::move(function)};
        waits.resume();
        ASSERT_FALSE(waits.done());
    }

    void TearDown() override {
        EXPECT_EQ(std::uncaught_exceptions(), 0);
        EXPECT_EQ(std::current_exception(), nullptr);
        on_each_stack::TearDown();
    }

    std::string log;
};
INSTANTIATE_TEST_SUITE_P(on, uncaught, support::every_stack_kind(), support::name_of);

TEST_P(uncaught, counts_the_destruction_of_a_suspended_coroutine) {
    resume_and_destroy([&](auto& self) {
        const transaction outer{log};
        [&] {
            const transaction inner{log};
            self.suspend();
        }();
    });
    EXPECT_EQ(log, "RR");
}

TEST_P(uncaught, is_zero_when_a_coroutine_returns) {
    pirn::coroutine<> returns{stack(), [&](auto& self) {
                                  const transaction whole{log};
                                  self.suspend();
                              }};
    returns.resume();
    returns.resume();
    EXPECT_TRUE(returns.done());
    EXPECT_EQ(log, "C");
}

TEST_P(uncaught, counts_the_destruction_of_a_generator) {
    for (const int value : pirn::generator<int>{stack(), [&](auto& self) {
                                                    const transaction whole{log};
                                                    int next = 0;
                                                    self.yield(next);
                                                    self.yield(next);
                                                }}) {
        EXPECT_EQ(value, 0);
        break;
    }
    EXPECT_EQ(log, "R");
}

TEST_P(uncaught, counts_the_destruction_of_what_a_coroutine_captured) {
    struct captured {
        explicit captured(std::string& text) : log{&text} {}
        captured(captured&& other) noexcept : log{std::exchange(other.log, nullptr)} {}
        captured& operator=(captured&&) = delete;
        ~captured() {
            if (log != nullptr) {
                *log += std::uncaught_exceptions() > 0 ? 'R' : 'C';
            }
        }
        std::string* log;
    };
    resume_and_destroy([held = captured{log}](auto& self) { self.suspend(); });
    EXPECT_EQ(log, "R");
}

TEST_P(uncaught, is_not_less_beyond_a_handler_that_rethrows) {
    resume_and_destroy([&](auto& self) {
        const transaction outer{log};
        through_a_handler_for_everything([&] {
            const transaction inner{log};
            self.suspend();
        });
    });
    EXPECT_EQ(log, "RR");
}

TEST_P(uncaught, lets_work_that_destructors_do_meanwhile_commit) {
    struct works {
        ~works() {
            const transaction own{*log};
            try {
                const transaction fails{*log};
                throw std::runtime_error{"handled in here"};
            } catch (const std::runtime_error&) {
                const transaction handles{*log};
            }
        }
        std::string* log;
    };
    resume_and_destroy([&](auto& self) {
        const transaction outer{log};
        const works at_the_end{&log};
        self.suspend();
    });
    EXPECT_EQ(log, "RCCR");
}

TEST_P(uncaught, counts_a_coroutine_that_waits_in_a_handler) {
    resume_and_destroy([&](auto& self) {
        const transaction outer{log};
        try {
            throw std::runtime_error{"handled"};
        } catch (const std::runtime_error&) {
            const transaction inner{log};
            self.suspend();
        }
    });
    EXPECT_EQ(log, "RR");
}

TEST_P(uncaught, counts_for_each_coroutine_that_unwinds_within_another) {
    struct nest {
        static void dive(pirn::yielder<>& self, std::string& log, int depth) {
            const transaction outer{log};
            pirn::coroutine<> below{[&](auto& in) {
                if (depth > 0) {
                    dive(in, log, depth - 1);
                } else {
                    const transaction innermost{log};
                    in.suspend();
                }
            }};
            const transaction inner{log};
            below.resume();
            self.suspend();
        }
    };
    resume_and_destroy([&](auto& self) { nest::dive(self, log, 3); });
    EXPECT_EQ(log, "RRRRRRRRR");
}

TEST_P(uncaught, counts_when_it_was_suspended_from_within_another) {
    resume_and_destroy([&](auto& self) {
        const transaction outer{log};
        pirn::coroutine<> inner{[&](auto&) {
            const transaction within{log};
            self.suspend();
        }};
        inner.resume();
    });
    EXPECT_EQ(log, "RR");
}

TEST_P(uncaught, of_the_side_that_destroys_stays_as_it_is) {
    struct destroys {
        ~destroys() {
            const int before = std::uncaught_exceptions();
            coroutine->reset();
            EXPECT_EQ(std::uncaught_exceptions(), before);
        }
        std::optional<pirn::coroutine<>>* coroutine;
    };
    std::optional<pirn::coroutine<>> waits;
    const auto begin = [&] {
        waits.emplace(stack(), [&](auto& self) {
            const transaction whole{log};
            self.suspend();
        });
        waits->resume();
    };
    begin();
    try {
        const destroys during_an_exception{&waits};
        throw std::runtime_error{"on its way"};
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(std::uncaught_exceptions(), 0);
        begin();
        const std::exception_ptr handled = std::current_exception();
        waits.reset();
        EXPECT_EQ(std::current_exception(), handled);
        EXPECT_EQ(std::uncaught_exceptions(), 0);
    }
    EXPECT_EQ(log, "RR");
}

TEST_P(uncaught, is_each_coroutines_own_while_another_unwinds) {
    struct resumes {
        ~resumes() { other->resume(); }
        pirn::coroutine<>* other;
    };
    pirn::coroutine<> helper{stack(), [&](auto& self) {
                                 {
                                     const transaction first{log};
                                     self.suspend();
                                 }
                                 EXPECT_EQ(std::uncaught_exceptions(), 0);
                                 self.suspend();
                             }};
    helper.resume();
    resume_and_destroy([&](auto& self) {
        const transaction outer{log};
        const resumes at_the_end{&helper};
        self.suspend();
    });
    EXPECT_EQ(log, "CR");
}

TEST_P(uncaught, counts_on_another_thread_too) {
    std::optional<pirn::coroutine<>> waits;
    waits.emplace(stack(), [&](auto& self) {
        const transaction whole{log};
        self.suspend();
    });
    waits->resume();
    std::thread{[&] {
        waits.reset();
        EXPECT_EQ(std::uncaught_exceptions(), 0);
    }}.join();
    EXPECT_EQ(log, "R");
}

} // namespace
