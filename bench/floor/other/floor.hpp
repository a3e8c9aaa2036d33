// SPDX-License-Identifier: MIT
//
// The floor where nobody has written one by hand: pirn's own switch, without a coroutine around it.
#pragma once

#include <pirn/arch/context.hpp>

#include <cstddef>
#include <span>

namespace rival {

// bare_bounce: the floor for pirn-bench: a partner that does nothing but come back.
struct bare_bounce {
    static void prepare(std::span<std::byte> memory) {
        pirn::arch::prepare(bare, memory, &partner);
    }
    static void go_and_come_back() { pirn::arch::switch_to(bare, pirn::arch::message::proceed); }

  private:
    static void partner(pirn::arch::context* own) {
        for (;;) {
            pirn::arch::switch_to(*own, pirn::arch::message::proceed);
        }
    }
    alignas(64) static inline pirn::arch::context bare;
};

} // namespace rival
