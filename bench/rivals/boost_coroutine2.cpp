// SPDX-License-Identifier: MIT
//
// Boost.Coroutine2: asymmetric coroutines over Boost.Context, by its pull_type: the coroutine pushes, and
// whoever calls the pull_type resumes it.
#include "measure.hpp"
#include "usage.h"

#include <cstddef>
#include <cstdlib>
#include <optional>
#include <vector>

#include <boost/coroutine2/all.hpp>

namespace {

namespace context = boost::context;
using coroutine = boost::coroutines2::coroutine<void>;

volatile long ran;
constexpr std::size_t stack_size = 65536;
alignas(64) std::byte memory[stack_size];

struct stack_at {
    context::stack_context allocate() {
        context::stack_context stack;
        stack.sp = top;
        stack.size = size;
        return stack;
    }
    void deallocate(context::stack_context&) noexcept {}
    void* top;
    std::size_t size;
};

// The one stack again and again, for the coroutines that live one at a time.
stack_at same_stack() { return {memory + stack_size, stack_size}; }

[[gnu::noinline]] void third(coroutine::push_type& self) {
    self();
    asm volatile("");
}
[[gnu::noinline]] void second(coroutine::push_type& self) {
    third(self);
    asm volatile("");
}
[[gnu::noinline]] void first(coroutine::push_type& self) {
    second(self);
    asm volatile("");
}

[[noreturn]] void forever(coroutine::push_type& self) {
    for (;;) {
        self();
    }
}

void measure_many(std::size_t count) {
    rival::block slots{count};
    std::vector<std::optional<coroutine::pull_type>> all(count);
    rival::measure_many(
        "", count, 0,
        [&](std::size_t i) {
            all[i].emplace(stack_at{slots.take() + rival::slot_bytes, rival::slot_bytes}, &forever);
        },
        [&](std::size_t i) { (*all[i])(); });
    std::_Exit(0); // a million unwindings are not what is measured
}

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "[--ncoros N]",
                "Nanoseconds of a switch and of a creation: Boost.Coroutine2.");
    if (const std::size_t count = rival::asked_for(argc, argv)) {
        measure_many(count);
    }
    coroutine::pull_type flat{same_stack(), &forever};
    rival::measure("ns", 2, [&](long count) {
        for (long i = 0; i < count; ++i) {
            flat();
        }
    });
    static std::byte deep_memory[stack_size];
    coroutine::pull_type deep{stack_at{deep_memory + stack_size, stack_size},
                              [](coroutine::push_type& self) {
                                  for (;;) {
                                      first(self);
                                  }
                              }};
    rival::measure("deep_ns", 2, [&](long count) {
        for (long i = 0; i < count; ++i) {
            deep();
        }
    });
    static std::byte once_memory[stack_size];
    rival::measure("create_ns", 1, [](long count) {
        for (long i = 0; i < count; ++i) {
            // It runs at once, up to its end.
            coroutine::pull_type once{stack_at{once_memory + stack_size, stack_size},
                                      [](coroutine::push_type&) { ran = ran + 1; }};
        }
    });
    std::fflush(stdout);
    std::_Exit(0);
}
