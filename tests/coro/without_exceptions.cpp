// SPDX-License-Identifier: MIT
//
// A user's file that is compiled without exceptions, or without run-time type information, or without both; and
// one of which the unwinder knows nothing at all. No GoogleTest here: it would be compiled in this way too.
// PIRN_TEST_WAY is the name of the way.
#include "coro/without_exceptions.hpp"

#include <pirn/coro/batch.hpp>
#include <pirn/coro/current.hpp>
#include <pirn/coro/generator.hpp>
#include <pirn/coro/reclaim.hpp>
#include <pirn/stack/slab.hpp>
#include <pirn/stack/sources.hpp>

#include <utility>
#include <vector>

#define PIRN_TEST_JOINED(a, b) a##b
#define PIRN_TEST_NAME(way) PIRN_TEST_JOINED(compiled_, way)
#define PIRN_TEST_TEXT(way) #way
#define PIRN_TEST_STRING(way) PIRN_TEST_TEXT(way)

namespace {

struct counts {
    explicit counts(int& where) noexcept : ended{&where} {}
    counts(counts&& other) noexcept : ended{std::exchange(other.ended, nullptr)} {}
    ~counts() {
        if (ended != nullptr) {
            ++*ended;
        }
    }
    int* ended;
};

// A stack source of the user's own: a class with virtual functions.
class own_source final : public pirn::stack_source {
  public:
    pirn::stack allocate(std::size_t size) override { return below_.allocate(size); }
    void deallocate(const pirn::stack& used) noexcept override { below_.deallocate(used); }

  private:
    pirn::mapped_stack_source below_;
};

int works() {
    int right = 0;
    pirn::coroutine<int, int, int> sums{[](auto& self, int from) {
                                            int sum = from;
                                            for (int i = 0; i < 3; ++i) {
                                                sum += self.yield(sum);
                                            }
                                            return sum;
                                        },
                                        1};
    right += sums.next() == 1 ? 1 : 0;
    right += sums.next(10) == 11 ? 1 : 0;
    right += sums.next(10) == 21 && !sums.resume(10) && sums.result() == 31 ? 1 : 0;

    int seen = 0;
    for (const int i : pirn::generator<int>{[](auto& yield) {
             yield(1);
             yield(2);
         }}) {
        seen = seen * 10 + i;
    }
    right += seen == 12 ? 1 : 0;

    std::vector<pirn::coroutine<>> all;
    all.reserve(20);
    for (int i = 0; i < 20; ++i) {
        all.emplace_back([](auto& self) { self.suspend(); });
    }
    right += pirn::resume_all(all) == 20 && pirn::resume_all(all) == 0 ? 1 : 0;

    own_source stacks;
    pirn::coroutine<> named{{.name = "named", .stacks = &stacks}, [&](auto& self) {
                                right += pirn::current()->name() == "named" ? 1 : 0;
                                self.suspend();
                            }};
    right += named.resume() && !named.resume() ? 1 : 0;

    // One that has not started is dropped.
    int ended = 0;
    {
        const pirn::coroutine<> fresh{[held = counts{ended}] {}};
    }
    right += ended == 1 ? 1 : 0;
    return right;
}

pirn::coroutine<int> keeps_and_calls(int& frames_ended, int& callables_ended, callback then) {
    return pirn::coroutine<int>{[&frames_ended, then, held = counts{callables_ended}](auto& self) {
        const counts local{frames_ended};
        then(self);
        self.yield(1);
    }};
}

bool resumes(pirn::coroutine<int>& which, int& frames_ended) {
    const counts local{frames_ended};
    return which.resume();
}

void passes_on(pirn::yielder<int>& self, int& frames_ended, callback then) {
    const counts local{frames_ended};
    then(self);
}

void creates(std::size_t stack_size, int& frames_ended) {
    const counts local{frames_ended};
    pirn::coroutine<> one{{.stack_size = stack_size}, [] {}};
    one.resume();
}

} // namespace

const without_exceptions PIRN_TEST_NAME(PIRN_TEST_WAY){
    PIRN_TEST_STRING(PIRN_TEST_WAY), &works, &keeps_and_calls, &resumes, &passes_on, &creates};
