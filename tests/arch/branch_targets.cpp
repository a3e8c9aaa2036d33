// SPDX-License-Identifier: MIT
//
// Branch target identification (hazard 19), enforced while the tests of this program run: its code is put
// on guarded pages, where what an indirect jump reaches must begin with a landing pad. Done here and not by
// the linker, because the C library's start-up code has no landing pads on most systems, and a program that
// is guarded from the beginning does not begin. Empty where the code is made without landing pads.
#if defined(__ARM_FEATURE_BTI_DEFAULT)

#include "support/child.hpp"

#include <csignal>
#include <cstdint>

#include <gtest/gtest.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

constexpr int prot_bti = 0x10;                  // the C library's headers may be too old to know
constexpr unsigned long hwcap2_bti = 1UL << 17; // nor what the kernel says of the processor

bool processor_looks() { return (::getauxval(AT_HWCAP2) & hwcap2_bti) != 0; }

// How the program's own code is mapped: the first object that is named.
void map_code(int protection) {
    ::dl_iterate_phdr(
        [](dl_phdr_info* program, std::size_t, void* wanted) {
            const auto page = static_cast<std::uintptr_t>(::getpagesize());
            for (std::size_t i = 0; i < program->dlpi_phnum; ++i) {
                const ElfW(Phdr)& part = program->dlpi_phdr[i];
                if (part.p_type == PT_LOAD && (part.p_flags & PF_X) != 0) {
                    const std::uintptr_t first = (program->dlpi_addr + part.p_vaddr) / page * page;
                    const std::uintptr_t end = program->dlpi_addr + part.p_vaddr + part.p_memsz;
                    ::mprotect(reinterpret_cast<void*>(first), end - first,
                               *static_cast<int*>(wanted));
                }
            }
            return 1;
        },
        &protection);
}

// While the tests run and not a moment longer: before and after it is the start-up code's turn.
class guarded_code : public testing::Environment {
    void SetUp() override {
        if (processor_looks()) {
            map_code(PROT_READ | PROT_EXEC | prot_bti);
        }
    }
    void TearDown() override { map_code(PROT_READ | PROT_EXEC); }
};
[[maybe_unused]] const testing::Environment* const guarded =
    testing::AddGlobalTestEnvironment(new guarded_code);

// Else the other tests of this program would prove nothing.
TEST(branch_targets, without_a_landing_pad_are_refused) {
    if (!processor_looks()) {
        GTEST_SKIP() << "this processor takes landing pads for hints";
    }
    const auto astray = support::in_child([] {
        std::signal(SIGILL, SIG_DFL);
        asm volatile("adr x9, 1f\n\tbr x9\n1:" : : : "x9");
    });
    EXPECT_TRUE(astray.killed_by(SIGILL)) << astray;
    const auto well = support::in_child([] {
        asm volatile("adr x9, 1f\n\tbr x9\n1:\thint #36" : : : "x9"); // bti j
    });
    EXPECT_TRUE(well.exited_with(0)) << well;
}

} // namespace

#endif
