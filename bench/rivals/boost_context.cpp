// SPDX-License-Identifier: MIT
//
// Boost.Context: the fiber that its users see (plain keys), and the bare jump below it (keys that begin
// with fcontext_). Both keep MXCSR and the x87 control word, which pirn leaves to the thread.
#include "measure.hpp"
#include "usage.h"

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include <boost/context/detail/fcontext.hpp>
#include <boost/context/fiber.hpp>
#include <boost/context/preallocated.hpp>

namespace {

namespace context = boost::context;

volatile long ran;
constexpr std::size_t stack_size = 65536;
alignas(64) std::byte memory[stack_size];
constexpr auto top = [] { return static_cast<void*>(memory + stack_size); };

// The one stack again and again, for the fibers that live one at a time.
struct same_stack {
    context::stack_context allocate() {
        context::stack_context stack;
        stack.sp = top();
        stack.size = stack_size;
        return stack;
    }
    void deallocate(context::stack_context&) noexcept {}
};

// ---- The fiber

context::fiber fiber_back;

[[gnu::noinline]] void fiber_third() {
    fiber_back = std::move(fiber_back).resume();
    asm volatile("");
}
[[gnu::noinline]] void fiber_second() {
    fiber_third();
    asm volatile("");
}
[[gnu::noinline]] void fiber_first() {
    fiber_second();
    asm volatile("");
}

void measure_fiber() {
    context::fiber flat{[](context::fiber&& back) {
        for (;;) {
            back = std::move(back).resume();
        }
        return std::move(back);
    }};
    rival::measure("ns", 2, [&](long count) {
        for (long i = 0; i < count; ++i) {
            flat = std::move(flat).resume();
        }
    });
    context::fiber deep{[](context::fiber&& back) {
        fiber_back = std::move(back);
        for (;;) {
            fiber_first();
        }
        return std::move(fiber_back);
    }};
    rival::measure("deep_ns", 2, [&](long count) {
        for (long i = 0; i < count; ++i) {
            deep = std::move(deep).resume();
        }
    });
    rival::measure("create_ns", 1, [](long count) {
        for (long i = 0; i < count; ++i) {
            context::fiber once{std::allocator_arg, same_stack{}, [](context::fiber&& back) {
                                    ran = ran + 1;
                                    return std::move(back);
                                }};
            once = std::move(once).resume();
        }
    });
    std::fflush(stdout);
}

// ---- The jump

namespace jump = context::detail;
jump::fcontext_t jump_back;

[[gnu::noinline]] void jump_third() {
    jump_back = jump::jump_fcontext(jump_back, nullptr).fctx;
    asm volatile("");
}
[[gnu::noinline]] void jump_second() {
    jump_third();
    asm volatile("");
}
[[gnu::noinline]] void jump_first() {
    jump_second();
    asm volatile("");
}

void measure_jump() {
    const auto from = [](void (*entry)(jump::transfer_t)) {
        return jump::make_fcontext(top(), stack_size, entry);
    };
    jump::fcontext_t flat = from([](jump::transfer_t back) {
        for (;;) {
            back = jump::jump_fcontext(back.fctx, nullptr);
        }
    });
    rival::measure("fcontext_ns", 2, [&](long count) {
        for (long i = 0; i < count; ++i) {
            flat = jump::jump_fcontext(flat, nullptr).fctx;
        }
    });
    jump::fcontext_t deep = from([](jump::transfer_t back) {
        jump_back = back.fctx;
        for (;;) {
            jump_first();
        }
    });
    rival::measure("fcontext_deep_ns", 2, [&](long count) {
        for (long i = 0; i < count; ++i) {
            deep = jump::jump_fcontext(deep, nullptr).fctx;
        }
    });
    rival::measure("fcontext_create_ns", 1, [&](long count) {
        for (long i = 0; i < count; ++i) {
            jump::jump_fcontext(from([](jump::transfer_t back) {
                                    ran = ran + 1;
                                    jump::jump_fcontext(back.fctx, nullptr);
                                }),
                                nullptr);
        }
    });
}

// ---- Many of them

void measure_many_fibers(std::size_t count) {
    rival::block slots{count};
    struct own_slot {
        context::stack_context allocate() {
            context::stack_context stack;
            stack.sp = from->take() + rival::slot_bytes;
            stack.size = rival::slot_bytes;
            return stack;
        }
        void deallocate(context::stack_context&) noexcept {}
        rival::block* from;
    };
    std::vector<context::fiber> all;
    all.reserve(count);
    rival::measure_many(
        "", count, sizeof(context::fiber),
        [&](std::size_t) {
            all.emplace_back(std::allocator_arg, own_slot{&slots}, [](context::fiber&& back) {
                for (;;) {
                    back = std::move(back).resume();
                }
                return std::move(back);
            });
            all.back() = std::move(all.back()).resume();
        },
        [&](std::size_t i) { all[i] = std::move(all[i]).resume(); });
    std::_Exit(0); // a million unwindings are not what is measured
}

void measure_many_jumps(std::size_t count) {
    rival::block slots{count};
    std::vector<jump::fcontext_t> all;
    all.reserve(count);
    rival::measure_many(
        "fcontext_", count, sizeof(jump::fcontext_t),
        [&](std::size_t) {
            all.push_back(jump::make_fcontext(
                slots.take() + rival::slot_bytes, rival::slot_bytes, [](jump::transfer_t back) {
                    for (;;) {
                        back = jump::jump_fcontext(back.fctx, nullptr);
                    }
                }));
            all.back() = jump::jump_fcontext(all.back(), nullptr).fctx;
        },
        [&](std::size_t i) { all[i] = jump::jump_fcontext(all[i], nullptr).fctx; });
}

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "[--ncoros N]",
                "Nanoseconds of a switch and of a creation: Boost.Context.");
    if (const std::size_t count = rival::asked_for(argc, argv)) {
        measure_many_jumps(count);
        measure_many_fibers(count);
    }
    measure_fiber();
    measure_jump();
}
