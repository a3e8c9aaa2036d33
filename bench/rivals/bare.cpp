// SPDX-License-Identifier: MIT
//
// The floor, measured as the rivals are.
#include "floor.hpp"
#include "measure.hpp"
#include "usage.h"

namespace {

using rival::change;
using rival::place;

place here;
place there;
volatile long ran;

alignas(64) std::byte memory[65536];

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

int main(int argc, char** argv) {
    answer_help(argc, argv, "",
                "Nanoseconds of a switch and of a creation: the bare exchange of registers.");
    rival::prepare(there, memory, &bounce);
    rival::measure("ns", 2, &go_and_come_back);
    rival::prepare(there, memory, &bounce_deep);
    rival::measure("deep_ns", 2, &go_and_come_back);
    rival::measure("create_ns", 1, [](long count) {
        for (long i = 0; i < count; ++i) {
            rival::prepare(there, memory, &once);
            change(here, there);
        }
    });
}
