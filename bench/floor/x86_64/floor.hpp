// SPDX-License-Identifier: MIT
//
// The floor on x86-64: two sides that exchange instruction pointer, stack pointer and frame pointer, and
// know nothing of coroutines. No state, no exceptions, no end. Written without a look at pirn's own
// switch: each side has a place of its own, and leaving stores into one while arriving loads the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace rival {

struct place {
    void* instruction;
    void* stack;
    void* frame;
};

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

// A side that begins in `entry` when it is first gone to; its return address is none.
inline void prepare(place& fresh, std::span<std::byte> memory, void (*entry)()) {
    auto* top = reinterpret_cast<std::uint64_t*>(memory.data() + memory.size()) - 1;
    *top = 0;
    fresh = {reinterpret_cast<void*>(entry), top, nullptr};
}

// bare_bounce: the floor for pirn-bench: a partner that does nothing but come back.
struct bare_bounce {
    static void prepare(std::span<std::byte> memory) { rival::prepare(there, memory, &partner); }
    [[gnu::always_inline]] static void go_and_come_back() { change(here, there); }

  private:
    static void partner() {
        for (;;) {
            change(there, here);
        }
    }
    static inline place here;
    static inline place there;
};

} // namespace rival
