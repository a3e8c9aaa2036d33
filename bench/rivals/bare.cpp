// SPDX-License-Identifier: MIT
//
// The floor on x86-64: two sides that exchange instruction pointer, stack pointer and frame pointer, and
// know nothing of coroutines. No state, no exceptions, no end. Written without a look at pirn's own
// switch: each side has a place of its own, and leaving stores into one while arriving loads the other.
#include "measure.hpp"

#include <cstddef>
#include <cstdint>

namespace {

struct place {
    void* instruction;
    void* stack;
    void* frame;
};

place here;
place there;
volatile long ran;

[[gnu::always_inline]] inline void change(place& leave, const place& arrive) {
    place* from = &leave;
    const place* to = &arrive;
    asm volatile("leaq 1f(%%rip), %%rax\n\t"
                 "movq %%rax, (%0)\n\t"
                 "movq %%rsp, 8(%0)\n\t"
                 "movq %%rbp, 16(%0)\n\t"
                 "movq 8(%1), %%rsp\n\t"
                 "movq 16(%1), %%rbp\n\t"
                 "jmpq *(%1)\n"
                 "1:"
                 : "+S"(from), "+D"(to)
                 :
                 : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
                   "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory");
}

alignas(64) std::byte memory[65536];

// A side that begins in `entry` when it is first gone to; its return address is none.
void prepare(place& fresh, void (*entry)()) {
    auto* top = reinterpret_cast<std::uint64_t*>(memory + sizeof memory) - 1;
    *top = 0;
    fresh = {reinterpret_cast<void*>(entry), top, nullptr};
}

void bounce() {
    for (;;) {
        change(there, here);
    }
}

[[gnu::noinline]] void third() {
    change(there, here);
    asm volatile("");
}
[[gnu::noinline]] void second() {
    third();
    asm volatile("");
}
[[gnu::noinline]] void first() {
    second();
    asm volatile("");
}
void bounce_deep() {
    for (;;) {
        first();
    }
}

void once() {
    ran = ran + 1;
    change(there, here);
}

void go_and_come_back(long count) {
    for (long i = 0; i < count; ++i) {
        change(here, there);
    }
}

} // namespace

int main() {
    prepare(there, &bounce);
    rival::measure("ns", 2, &go_and_come_back);
    prepare(there, &bounce_deep);
    rival::measure("deep_ns", 2, &go_and_come_back);
    rival::measure("create_ns", 1, [](long count) {
        for (long i = 0; i < count; ++i) {
            prepare(there, &once);
            change(here, there);
        }
    });
}
