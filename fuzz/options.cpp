// SPDX-License-Identifier: MIT
//
// What AddressSanitizer is told by each target when it starts; its own default is a weak function. ASAN_OPTIONS comes
// after it.

// The memory in which it finds uses of locals after their function has returned is mapped anew for each coroutine, and
// takes two thirds of the time. The gates with sanitizers look for that.
extern "C" const char* __asan_default_options();  // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __asan_default_options() { // NOLINT(bugprone-reserved-identifier)
    return "detect_stack_use_after_return=0";
}
