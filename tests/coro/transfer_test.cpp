// SPDX-License-Identifier: MIT
//
// From one coroutine straight to another.
#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/current.hpp>

#include "support/misuse.hpp"
#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using pirn::coroutine_status;
using support::complains;

class transfer : public support::on_each_stack {};
INSTANTIATE_TEST_SUITE_P(on, transfer, support::every_stack_kind(), support::name_of);

TEST_P(transfer, starts_and_continues_the_other_in_its_place) {
    std::vector<std::string> story;
    std::optional<pirn::coroutine<>> ping;
    std::optional<pirn::coroutine<>> pong;
    ping.emplace(stack("ping"), [&](auto& self) {
        story.emplace_back("ping");
        self.transfer_to(*pong);
        story.emplace_back("ping again");
        EXPECT_EQ(pong->status(), coroutine_status::suspended);
        self.transfer_to(*pong);
        FAIL() << "nobody comes back to it";
    });
    pong.emplace(stack("pong"), [&](auto& self) {
        story.emplace_back("pong");
        EXPECT_EQ(ping->status(), coroutine_status::suspended);
        EXPECT_EQ(pirn::current()->name(), "pong");
        EXPECT_FALSE(pirn::current()->parent());
        self.transfer_to(*ping);
        story.emplace_back("pong again");
        self.suspend();
    });
    EXPECT_TRUE(ping->resume()) << "it is suspended";
    EXPECT_EQ(story, (std::vector<std::string>{"ping", "pong", "ping again", "pong again"}));
    EXPECT_EQ(ping->status(), coroutine_status::suspended);
    EXPECT_EQ(pong->status(), coroutine_status::suspended);
    EXPECT_FALSE(pirn::current());
    EXPECT_FALSE(pong->resume()) << "either may be resumed as ever";
}

TEST_P(transfer, of_one_that_ends_leaves_the_first_suspended) {
    std::optional<pirn::coroutine<void, void, int>> second;
    int rounds = 0;
    pirn::coroutine<> first{stack("first"), [&](auto& self) {
                                self.transfer_to(*second);
                                ++rounds;
                            }};
    second.emplace(stack("second"), [] { return 42; });
    EXPECT_TRUE(first.resume());
    EXPECT_TRUE(second->done());
    EXPECT_EQ(second->result(), 42);
    EXPECT_FALSE(first.resume());
    EXPECT_EQ(rounds, 1);
}

TEST_P(transfer, tells_the_resumer_that_the_first_is_done_when_it_is) {
    std::optional<pirn::coroutine<>> first;
    pirn::coroutine<> second{stack("second"), [&](auto& self) { self.transfer_to(*first); }};
    first.emplace(stack("first"), [&](auto& self) { self.transfer_to(second); });
    EXPECT_FALSE(first->resume()) << "it was transferred back to, and returned";
    EXPECT_EQ(second.status(), coroutine_status::suspended);
}

TEST_P(transfer, lets_the_others_exception_out_of_the_resume_that_ran_it) {
    std::optional<pirn::coroutine<>> second;
    pirn::coroutine<> first{stack("first"), [&](auto& self) { self.transfer_to(*second); }};
    second.emplace(stack("second"), [] { throw std::runtime_error{"second"}; });
    EXPECT_THROW(first.resume(), std::runtime_error);
    EXPECT_TRUE(second->done());
    EXPECT_FALSE(first.done());
    EXPECT_FALSE(first.resume());
}

TEST_P(transfer, gives_back_what_the_next_resume_injects) {
    int got = 0;
    pirn::coroutine<> other{stack("other"), [](auto& self) { self.suspend(); }};
    pirn::coroutine<void, int> one{stack("one"),
                                   [&](auto& self) { got = self.transfer_to(other); }};
    one.resume();
    one.resume(9);
    EXPECT_EQ(got, 9);
}

TEST_P(transfer, keeps_each_ones_exceptions) {
    std::optional<pirn::coroutine<>> b;
    std::vector<std::string> caught;
    const auto rethrown = [&] {
        try {
            throw;
        } catch (const std::string& what) {
            caught.push_back(what);
        }
    };
    std::optional<pirn::coroutine<>> a;
    a.emplace(stack("a"), [&](auto& self) {
        try {
            throw std::string{"of a"};
        } catch (const std::string&) {
            self.transfer_to(*b);
            rethrown();
        }
        self.transfer_to(*b);
    });
    b.emplace(stack("b"), [&](auto& self) {
        EXPECT_FALSE(std::current_exception());
        try {
            throw std::string{"of b"};
        } catch (const std::string&) {
            self.transfer_to(*a);
            rethrown();
        }
    });
    try {
        throw std::string{"of the resumer"};
    } catch (const std::string&) {
        a->resume();
        rethrown();
    }
    EXPECT_EQ(caught, (std::vector<std::string>{"of a", "of b", "of the resumer"}));
}

TEST_P(transfer, from_within_a_nested_coroutine_takes_that_along) {
    std::vector<std::string> names;
    const auto note = [&] { names.emplace_back(pirn::current()->name()); };
    std::optional<pirn::coroutine<>> other;
    pirn::coroutine<> outer{stack("outer"), [&](auto& self) {
                                pirn::coroutine<> inner{stack("inner"), [&](auto&) {
                                                            note();
                                                            self.transfer_to(*other);
                                                            note();
                                                        }};
                                inner.resume();
                                note();
                            }};
    other.emplace(stack("other"), [&](auto& self) {
        note();
        EXPECT_EQ(outer.status(), coroutine_status::suspended);
        self.transfer_to(outer);
    });
    EXPECT_FALSE(outer.resume());
    EXPECT_EQ(names, (std::vector<std::string>{"inner", "other", "inner", "outer"}));
}

TEST_P(transfer, may_be_destroyed_where_it_waits) {
    struct notes {
        ~notes() { ++*count; }
        int* count;
    };
    int ended = 0;
    std::optional<pirn::coroutine<>> first;
    pirn::coroutine<> second{stack("second"), [&](auto& self) {
                                 first.reset(); // by who took its place
                                 EXPECT_EQ(ended, 1);
                                 EXPECT_EQ(pirn::current()->name(), "second");
                                 self.suspend();
                             }};
    first.emplace(stack("first"), [&](auto& self) {
        const notes here{&ended};
        self.transfer_to(second);
    });
    // Not by first->resume(): the handle is gone when that returns.
    pirn::coroutine<> begins{stack("begins"), [&](auto& self) { self.transfer_to(*first); }};
    EXPECT_TRUE(begins.resume());
    EXPECT_EQ(ended, 1);
    EXPECT_FALSE(second.resume());
}

TEST_P(transfer, around_a_ring_many_times) {
    constexpr int members = 7;
    constexpr int rounds = 10000 / support::slowness;
    std::vector<std::unique_ptr<pirn::coroutine<>>> ring;
    long steps = 0;
    for (int i = 0; i < members; ++i) {
        pirn::coroutine_options options = stack("member");
        options.stacks = nullptr; // there are more of them than fixed stacks
        ring.push_back(std::make_unique<pirn::coroutine<>>(options, [&, i](auto& self) {
            auto& next = *ring[static_cast<std::size_t>((i + 1) % members)];
            for (int round = 0; round < rounds; ++round) {
                ++steps;
                if (round + 1 < rounds || i + 1 < members) {
                    self.transfer_to(next);
                }
            }
        }));
    }
    ring[0]->resume();
    EXPECT_EQ(steps, long{members} * rounds);
    EXPECT_TRUE(ring.back()->done());
}

TEST_P(transfer, may_be_resumed_on_another_thread_afterwards) {
    std::optional<pirn::coroutine<>> second;
    int rounds = 0;
    pirn::coroutine<> first{stack("first"), [&](auto& self) {
                                for (;;) {
                                    ++rounds;
                                    self.transfer_to(*second);
                                }
                            }};
    second.emplace(stack("second"), [&](auto& self) {
        for (;;) {
            self.suspend();
            self.transfer_to(first);
        }
    });
    first.resume();
    std::thread{[&] { second->resume(); }}.join();
    std::thread{[&] { second->resume(); }}.join();
    EXPECT_EQ(rounds, 3);
}

TEST_P(transfer, to_what_cannot_run_is_refused) {
    std::optional<pirn::coroutine<>> self_made;
    pirn::coroutine<> done{stack("done"), [] {}};
    done.resume();
    pirn::coroutine<> moved{std::move(done)};
    std::optional<pirn::coroutine<>> one;
    constexpr auto refused = "only a coroutine that has not started or is suspended can be resumed";
    one.emplace(stack("one"), [&](auto& self) {
        EXPECT_TRUE(complains([&] { self.transfer_to(*one); }, refused, R"(status="active")"));
        EXPECT_TRUE(complains([&] { self.transfer_to(moved); }, refused, R"(status="done")"));
        EXPECT_TRUE(complains([&] { self.transfer_to(done); }, "a moved-from coroutine"));
        pirn::coroutine<> inner{stack("inner"), [&](auto& in) {
                                    EXPECT_TRUE(complains([&] { in.transfer_to(*one); }, refused,
                                                          R"(status="active")"));
                                }};
        inner.resume();
    });
    EXPECT_FALSE(one->resume());
}

TEST_P(transfer, with_anothers_yielder_is_refused) {
    pirn::yielder<>* kept = nullptr;
    pirn::coroutine<> other{stack("other"), [] {}};
    pirn::coroutine<> one{stack("one"), [&](auto& self) {
                              kept = &self;
                              self.suspend();
                          }};
    one.resume();
    EXPECT_TRUE(complains([&] { kept->transfer_to(other); }, "its yielder was used from outside"));
    EXPECT_EQ(other.status(), coroutine_status::start);
}

} // namespace
