// SPDX-License-Identifier: MIT
// A stranger's program with a local array that is larger than a coroutine's stack and its guard.
#include <pirn/coro/coroutine.hpp>

#include <cstddef>
#include <cstdio>

namespace {

[[gnu::noinline]] void needs_much(std::size_t last) {
    volatile char local[1024 * 1024]; // NOLINT: that is the bug
    local[last] = 1;
}

} // namespace

int main(int argc, char**) {
    pirn::coroutine<> hungry{{.name = "hungry"}, [argc] {
                                 // The lowest byte: far below the guard, which is 64 KiB.
                                 needs_much(static_cast<std::size_t>(argc) - 1);
                             }};
    hungry.resume();
    std::puts("nothing happened");
}
