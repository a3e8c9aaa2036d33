// SPDX-License-Identifier: MIT
//
// Client requests: calls of valgrind by the program under it. A request is a sequence of instructions without effect on
// a processor. valgrind translates the program's instructions before it runs them, and takes the sequence for a
// call. The sequences and the numbers are part of valgrind's interface to programs and do not change. They are
// documented by its header valgrind/valgrind.h, which is not needed to build pirn.
//
// A processor that is not named below has no requests here: the program runs under valgrind as if without.
#include "base/valgrind.hpp"

#include <array>
#include <cstring>

namespace pirn::detail {

constinit std::atomic<valgrind_presence> valgrind_presence_seen{valgrind_presence::unknown};

namespace {

enum class request : std::uintptr_t {
    running_on_valgrind = 0x1001,
    count_errors = 0x1201,
    register_stack = 0x1501,
    deregister_stack = 0x1502,
    change_reports = 0x1801,
    make_undefined = 0x4d430001, // memcheck's own numbers begin with "MC"
    make_defined = 0x4d430002,
};

// ask_valgrind: valgrind's answer; 0 without valgrind.
std::uintptr_t ask_valgrind(request number, std::uintptr_t first = 0,
                            std::uintptr_t second = 0) noexcept {
    [[maybe_unused]] const std::array<std::uintptr_t, 6> words{
        static_cast<std::uintptr_t>(number), first, second, 0, 0, 0};
    // Each sequence is rotations by 128 bits in all, so the register has its value again, and a move to itself. The
    // registers of words and answer are part of the interface.
#if defined(__x86_64__) && !defined(__ILP32__)
    std::uintptr_t answer = 0;
    asm volatile("rolq $3, %%rdi\n\t"
                 "rolq $13, %%rdi\n\t"
                 "rolq $61, %%rdi\n\t"
                 "rolq $51, %%rdi\n\t"
                 "xchgq %%rbx, %%rbx"
                 : "+d"(answer)
                 : "a"(words.data())
                 : "cc", "memory");
    return answer;
#elif defined(__aarch64__) && !defined(__ILP32__)
    register std::uintptr_t answer asm("x3") = 0;
    register const std::uintptr_t* const low asm("x4") = words.data();
    asm volatile("ror x12, x12, #3\n\t"
                 "ror x12, x12, #13\n\t"
                 "ror x12, x12, #51\n\t"
                 "ror x12, x12, #61\n\t"
                 "orr x10, x10, x10"
                 : "+r"(answer)
                 : "r"(low)
                 : "cc", "memory");
    return answer;
#else
    return 0;
#endif
}

std::uintptr_t number_of(const std::byte* address) noexcept {
    return reinterpret_cast<std::uintptr_t>(address);
}

} // namespace

bool look_for_valgrind() noexcept {
    const bool present = ask_valgrind(request::running_on_valgrind) != 0;
    valgrind_presence_seen.store(present ? valgrind_presence::present : valgrind_presence::absent,
                                 std::memory_order_relaxed); // as in under_valgrind
    return present;
}

std::size_t valgrind_errors() noexcept { return ask_valgrind(request::count_errors); }

void register_stack(std::byte* low, std::byte* high) noexcept {
    make_undefined({low, high});
    // The byte at `high` belongs to it: the pointer of an empty stack is there.
    const std::uintptr_t number =
        ask_valgrind(request::register_stack, number_of(low), number_of(high));
    std::memcpy(high, &number, sizeof number);
}

void deregister_stack(std::byte* low, std::byte* high) noexcept {
    std::uintptr_t number = 0;
    std::memcpy(&number, high, sizeof number);
    ask_valgrind(request::deregister_stack, number);
    make_undefined({low, high});
}

void make_undefined(std::span<std::byte> memory) noexcept {
    ask_valgrind(request::make_undefined, number_of(memory.data()), memory.size());
}

void make_defined(std::span<std::byte> memory) noexcept {
    ask_valgrind(request::make_defined, number_of(memory.data()), memory.size());
}

void switch_reports(bool on) noexcept {
    // valgrind keeps a count for each thread, to which this is added; it reports while the count is 0.
    constexpr auto minus_one = static_cast<std::uintptr_t>(-1);
    ask_valgrind(request::change_reports, on ? minus_one : 1);
}

} // namespace pirn::detail
