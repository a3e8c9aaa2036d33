// SPDX-License-Identifier: MIT
//
// A function that switches and does nothing else, for frames_test.py to read what the compiler made of it.
// Compiled with -g: 32-bit ARM describes its frames in DWARF for debuggers only.
#include <pirn/arch/context.hpp>

extern "C" [[gnu::noinline, gnu::used]] void pirn_test_switches(pirn::arch::context& other) {
    static_cast<void>(pirn::arch::switch_to(other, pirn::arch::message::proceed));
}
