// SPDX-License-Identifier: MIT
//
// Ours, measured as the rivals are: what pirn-bench does not print.
#include <pirn/coro/coroutine.hpp>
#include <pirn/stack/sources.hpp>

#include "measure.hpp"
#include "usage.h"

namespace {

volatile long ran;

[[gnu::noinline]] void third(pirn::yielder<>& self) {
    self.suspend();
    asm volatile("");
}
[[gnu::noinline]] void second(pirn::yielder<>& self) {
    third(self);
    asm volatile("");
}
[[gnu::noinline]] void first(pirn::yielder<>& self) {
    second(self);
    asm volatile("");
}

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "Nanoseconds of a switch and of a creation: pirn.");
    pirn::coroutine<> flat{[](auto& self) {
        for (;;) {
            self.suspend();
        }
    }};
    rival::measure("ns", 2, [&](long count) {
        for (long i = 0; i < count; ++i) {
            flat.resume();
        }
    });

    pirn::coroutine<> deep{[](pirn::yielder<>& self) {
        for (;;) {
            first(self);
        }
    }};
    rival::measure("deep_ns", 2, [&](long count) {
        for (long i = 0; i < count; ++i) {
            deep.resume();
        }
    });

    pirn::mapped_stack_source mapped;
    pirn::pooled_stack_source pool{mapped};
    rival::measure("create_ns", 1, [&](long count) {
        for (long i = 0; i < count; ++i) {
            pirn::coroutine<> once{{.stacks = &pool}, [] { ran = ran + 1; }};
            once.resume();
        }
    });
}
