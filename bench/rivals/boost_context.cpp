// SPDX-License-Identifier: MIT
//
// Boost.Context: the fiber that its users see (plain keys), and the bare jump below it (keys that begin
// with fcontext_). Both keep MXCSR and the x87 control word, which pirn leaves to the thread.
#include "measure.hpp"

#include <cstddef>
#include <memory>
#include <utility>

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

} // namespace

int main() {
    measure_fiber();
    measure_jump();
}
