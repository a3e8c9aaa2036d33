// SPDX-License-Identifier: MIT
//
// Positive controls for the sanitizers and valgrind: each bug is planted inside of a coroutine, and the test passes
// only if it is reported. A sanitizer that had been led astray by a switch would find nothing here, and
// its silence about the rest would mean nothing.
//
//   planted BUG        the names are those of the table at the end
#include <pirn/coro/coroutine.hpp>

#include "support/planting.hpp"

#include <array>
#include <cstdio>
#include <limits>
#include <memory>
#include <thread>

namespace {

// What no compiler may see through.
template <class T>
T hidden(T value) {
    asm volatile("" : "+r"(value) : : "memory");
    return value;
}

// Each bug lies behind a suspension, where the stack is one that the sanitizer has left and found again.

void heap_use_after_free() {
    pirn::coroutine<> plants{[](auto& self) {
        int* number = hidden(std::make_unique<int>(1).get());
        self.suspend();
        *number = 2;
    }};
    plants.resume();
    plants.resume();
}

void stack_buffer_overflow() {
    pirn::coroutine<> plants{[](auto& self) {
        std::array<char, 16> buffer{};
        char* begin = hidden(buffer.data());
        self.suspend();
        begin[hidden(16)] = 'x';
    }};
    plants.resume();
    plants.resume();
}

int* volatile remembered = nullptr;

[[gnu::noinline]] void remember(int* address) { remembered = address; }

[[gnu::noinline]] int* address_of_a_local() {
    int local = 1;
    remember(&local);
    return remembered;
}

void stack_use_after_return() {
    pirn::coroutine<> plants{[](auto& self) {
        int* gone = address_of_a_local();
        self.suspend();
        *gone = 2;
    }};
    plants.resume();
    plants.resume();
}

// What valgrind calls undefined: memory of the stack that nobody has written since it was taken.
[[gnu::noinline]] bool tells_by_what_nobody_wrote() {
    int local; // NOLINT: that is the bug
    return *hidden(&local) == 7;
}

void uninitialised_memory() {
    pirn::coroutine<> plants{[](auto& self) {
        self.suspend();
        if (tells_by_what_nobody_wrote()) {
            std::puts("seven");
        }
    }};
    plants.resume();
    plants.resume();
}

// Below the stack pointer, and the red zone, of the coroutine itself: memcheck knows it only while it has not lost
// track of the stacks.
[[gnu::noinline]] int* deep_down(int depth) {
    std::array<char, 256> frame{};
    hidden(frame.data())[0] = 'x';
    int* const found = depth == 0 ? address_of_a_local() : deep_down(depth - 1);
    hidden(frame.data())[1] = 'x';
    return found;
}

void dead_frame() {
    pirn::coroutine<> plants{[](auto& self) {
        int* gone = deep_down(8);
        self.suspend();
        *gone = 2;
    }};
    plants.resume();
    plants.resume();
}

void signed_overflow() {
    pirn::coroutine<int> plants{[](auto& self) {
        int number = hidden(std::numeric_limits<int>::max());
        self.yield(number);
        ++number;
        self.yield(number);
    }};
    plants.resume();
    plants.resume();
}

void data_race() {
    int shared = 0;
    const auto counts = [&shared](auto& self) {
        for (;;) {
            ++shared;
            self.suspend();
        }
    };
    pirn::coroutine<> here{counts};
    pirn::coroutine<> there{counts};
    const auto resume_often = [](pirn::coroutine<>& one) {
        for (int i = 0; i < 1000; ++i) {
            one.resume();
        }
    };
    std::thread other{[&] { resume_often(there); }};
    resume_often(here);
    other.join();
}

// The coroutine goes to another thread, and nothing says that the one came after the other.
void migration_without_order() {
    pirn::coroutine<int> counts{[](auto& self) {
        for (int i = 0;; ++i) {
            self.yield(i);
        }
    }};
    counts.resume();
    volatile bool* const gone = new volatile bool{false}; // no atomic: that is the bug
    std::thread other{[&] {
        counts.resume();
        *gone = true;
    }};
    while (!*gone) {
        std::this_thread::yield();
    }
    counts.resume();
    other.join();
    delete gone;
}

constexpr support::bug bugs[] = {{"heap-use-after-free", &heap_use_after_free},
                                 {"stack-buffer-overflow", &stack_buffer_overflow},
                                 {"stack-use-after-return", &stack_use_after_return},
                                 {"uninitialised-memory", &uninitialised_memory},
                                 {"dead-frame", &dead_frame},
                                 {"signed-overflow", &signed_overflow},
                                 {"data-race", &data_race},
                                 {"migration-without-order", &migration_without_order}};

} // namespace

int main(int argc, char** argv) { return support::plant(argc, argv, bugs); }
