// SPDX-License-Identifier: MIT
//
// swapcontext(3), as POSIX had it: portable, and a system call for the signal mask on each switch.
#include <ucontext.h>

#include "measure.hpp"
#include "usage.h"

#include <array>
#include <cstddef>

namespace {

ucontext_t here;
ucontext_t there;
volatile long ran;
std::array<std::byte, 65536> memory;

void prepare(void (*entry)()) {
    getcontext(&there);
    there.uc_stack.ss_sp = memory.data();
    there.uc_stack.ss_size = memory.size();
    there.uc_link = &here;
    makecontext(&there, entry, 0);
}

void bounce() {
    for (;;) {
        swapcontext(&there, &here);
    }
}

[[gnu::noinline]] void third() {
    swapcontext(&there, &here);
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

void once() { ran = ran + 1; }

void go_and_come_back(long count) {
    for (long i = 0; i < count; ++i) {
        swapcontext(&here, &there);
    }
}

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "Nanoseconds of a switch and of a creation: ucontext.");
    prepare(&bounce);
    rival::measure("ns", 2, &go_and_come_back);
    prepare(&bounce_deep);
    rival::measure("deep_ns", 2, &go_and_come_back);
    rival::measure("create_ns", 1, [](long count) {
        for (long i = 0; i < count; ++i) {
            prepare(&once);
            swapcontext(&here, &there);
        }
    });
}
