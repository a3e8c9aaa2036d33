// SPDX-License-Identifier: MIT
//
// Exceptions and switches (hazards 1 and 17): what leaves the function comes out of resume as the same
// object, and each side has the language's exception state for itself.
#include <pirn/coro/coroutine.hpp>

#include "support/child.hpp"
#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

class exceptions : public support::on_each_stack {};
INSTANTIATE_TEST_SUITE_P(on, exceptions, support::every_stack_kind(), support::name_of);

struct own_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// What a bare `throw;` throws here.
std::string rethrown() {
    try {
        throw;
    } catch (const std::exception& error) {
        return error.what();
    }
}

TEST_P(exceptions, come_out_of_resume_as_the_same_object) {
    std::exception_ptr inside;
    const void* address = nullptr;
    pirn::coroutine<> throws{stack(), [&] {
                                 try {
                                     throw own_error{"out of here"};
                                 } catch (const own_error& error) {
                                     inside = std::current_exception();
                                     address = &error;
                                     throw;
                                 }
                             }};
    try {
        throws.resume();
        FAIL() << "nothing was thrown";
    } catch (const own_error& error) {
        EXPECT_EQ(&error, address);
        EXPECT_EQ(std::current_exception(), inside);
    }
    EXPECT_TRUE(throws.done());
    EXPECT_EQ(std::uncaught_exceptions(), 0);
}

TEST_P(exceptions, come_out_of_the_resume_that_was_running_it) {
    pirn::coroutine<int> third_time{stack(), [](auto& self) {
                                        self.yield(1);
                                        self.yield(2);
                                        throw own_error{"third"};
                                    }};
    EXPECT_EQ(third_time.next(), 1);
    EXPECT_EQ(third_time.next(), 2);
    EXPECT_THROW(third_time.resume(), own_error);
}

TEST_P(exceptions, run_the_destructors_on_both_stacks) {
    struct adds {
        ~adds() { ++*count; }
        int* count;
    };
    int count = 0;
    try {
        const adds outside{&count};
        pirn::coroutine<> throws{stack(), [&] {
                                     const adds inside{&count};
                                     throw own_error{"past both"};
                                 }};
        throws.resume();
    } catch (const own_error&) {
        EXPECT_EQ(count, 2);
    }
}

TEST_P(exceptions, go_through_nested_coroutines) {
    struct nest {
        static void dive(int depth) {
            if (depth == 0) {
                throw own_error{"from the bottom"};
            }
            pirn::coroutine<> below{[depth] { dive(depth - 1); }};
            try {
                below.resume();
                ADD_FAILURE() << "not reached";
            } catch (...) {
                EXPECT_TRUE(below.done());
                throw;
            }
        }
    };
    pirn::coroutine<> top{stack(), [] { nest::dive(20); }};
    try {
        top.resume();
        FAIL() << "nothing was thrown";
    } catch (const own_error& error) {
        EXPECT_STREQ(error.what(), "from the bottom");
    }
}

TEST_P(exceptions, that_are_being_handled_belong_to_who_handles_them) {
    const auto handler = [](const char* what) {
        return [what](pirn::yielder<std::string>& self) {
            try {
                throw own_error{what};
            } catch (const own_error&) {
                self.yield(rethrown());
                self.yield(rethrown());
            }
            self.yield(std::current_exception() == nullptr ? "clean" : "left over");
        };
    };
    pirn::coroutine<std::string> a{stack(), handler("A")};
    pirn::coroutine<std::string> b{stack(), handler("B")};
    // Interleaved both ways round: no order in which the two leave their handlers is that of a stack.
    EXPECT_EQ(a.next(), "A");
    EXPECT_EQ(b.next(), "B");
    EXPECT_EQ(a.next(), "A");
    EXPECT_EQ(b.next(), "B");
    EXPECT_EQ(a.next(), "clean");
    EXPECT_EQ(b.next(), "clean");
    EXPECT_EQ(std::current_exception(), nullptr);
}

TEST_P(exceptions, that_are_nested_in_each_other_are_kept_over_a_suspension) {
    pirn::coroutine<std::string> nests{stack(), [](auto& self) {
                                           try {
                                               throw own_error{"outer"};
                                           } catch (const own_error&) {
                                               try {
                                                   throw own_error{"inner"};
                                               } catch (const own_error&) {
                                                   self.yield(rethrown());
                                                   self.yield(rethrown());
                                               }
                                               self.yield(rethrown());
                                           }
                                       }};
    EXPECT_EQ(nests.next(), "inner");
    try {
        throw own_error{"the resumer's"};
    } catch (const own_error&) {
        EXPECT_EQ(nests.next(), "inner");
        EXPECT_EQ(rethrown(), "the resumer's");
    }
    EXPECT_EQ(nests.next(), "outer");
    EXPECT_FALSE(nests.resume());
}

TEST_P(exceptions, of_the_resumer_cannot_be_seen_inside) {
    pirn::coroutine<std::string> looks{stack(), [](auto& self) {
                                           for (;;) {
                                               EXPECT_EQ(std::current_exception(), nullptr);
                                               EXPECT_EQ(std::uncaught_exceptions(), 0);
                                               try {
                                                   throw own_error{"its own"};
                                               } catch (const own_error&) {
                                                   self.yield(rethrown());
                                               }
                                           }
                                       }};
    struct resumes {
        ~resumes() {
            EXPECT_EQ(std::uncaught_exceptions(), 1);
            EXPECT_EQ(coroutine->next(), "its own");
            EXPECT_EQ(std::uncaught_exceptions(), 1);
        }
        pirn::coroutine<std::string>* coroutine;
    };
    try {
        const resumes during_the_unwinding{&looks};
        throw own_error{"ours"};
    } catch (const own_error&) {
        EXPECT_EQ(looks.next(), "its own");
        EXPECT_EQ(rethrown(), "ours");
        const std::exception_ptr now = std::current_exception();
        EXPECT_EQ(looks.next(), "its own");
        EXPECT_EQ(std::current_exception(), now);
    }
}

TEST_P(exceptions, that_are_on_their_way_wait_while_a_destructor_is_suspended) {
    struct lingers {
        ~lingers() {
            EXPECT_EQ(std::uncaught_exceptions(), 1);
            self->suspend();
            EXPECT_EQ(std::uncaught_exceptions(), 1);
        }
        pirn::yielder<>* self;
    };
    const auto unwinds = [](const char* what) {
        return [what](pirn::yielder<>& self) {
            const lingers first{&self};
            const lingers second{&self};
            throw own_error{what};
        };
    };
    pirn::coroutine<> a{stack(), unwinds("A")};
    pirn::coroutine<> b{stack(), unwinds("B")};
    a.resume();
    EXPECT_EQ(std::uncaught_exceptions(), 0) << "on this side nothing is";
    b.resume();
    a.resume();
    EXPECT_EQ(std::uncaught_exceptions(), 0);
    b.resume();
    for (auto [coroutine, what] : {std::pair{&a, "A"}, std::pair{&b, "B"}}) {
        try {
            coroutine->resume();
            FAIL() << "nothing was thrown";
        } catch (const own_error& error) {
            EXPECT_STREQ(error.what(), what);
        }
    }
}

TEST_P(exceptions, that_are_being_handled_move_to_another_thread_with_the_coroutine) {
    pirn::coroutine<std::string> moves{stack(), [](auto& self) {
                                           try {
                                               throw own_error{"travels"};
                                           } catch (const own_error&) {
                                               self.yield(rethrown());
                                               self.yield(rethrown());
                                           }
                                       }};
    EXPECT_EQ(moves.next(), "travels");
    std::thread{[&] {
        try {
            throw own_error{"stays"};
        } catch (const own_error&) {
            EXPECT_EQ(moves.next(), "travels");
            EXPECT_EQ(rethrown(), "stays");
        }
    }}.join();
    EXPECT_FALSE(moves.resume());
    EXPECT_EQ(std::current_exception(), nullptr);
}

class exceptions_here : public support::balanced<> {};

TEST_F(exceptions_here, cannot_be_rethrown_from_the_resumers_handler) {
    const auto end = support::in_child([] {
        pirn::coroutine<> has_none{[] { throw; }};
        try {
            throw own_error{"not yours"};
        } catch (const own_error&) {
            has_none.resume();
        }
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("terminate")) << end;
}

TEST_F(exceptions_here, survive_a_storm_on_many_threads) {
    constexpr int threads = 4;
    constexpr int throws_in_all = 100'000 / support::slowness;
    constexpr int coroutines = 8;
    constexpr int rounds = throws_in_all / threads / coroutines;
    const auto storm = [](int thread) {
        std::vector<pirn::coroutine<int>> all;
        for (int id = 0; id < coroutines; ++id) {
            all.emplace_back(
                [](auto& self, int mine) {
                    for (;;) {
                        try {
                            throw mine;
                        } catch (const int& caught) {
                            self.yield(caught); // in the handler
                            EXPECT_EQ(caught, mine);
                        }
                    }
                },
                thread * 100 + id);
        }
        for (int round = 0; round < rounds; ++round) {
            for (int id = 0; id < coroutines; ++id) {
                // Nowhere near the same order twice.
                const int which = (id * 5 + round) % coroutines;
                ASSERT_EQ(all[static_cast<std::size_t>(which)].next(), thread * 100 + which);
            }
        }
    };
    std::vector<std::thread> workers;
    for (int i = 0; i < threads; ++i) {
        workers.emplace_back(storm, i);
    }
    for (std::thread& worker : workers) {
        worker.join();
    }
}

} // namespace
