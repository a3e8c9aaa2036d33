// SPDX-License-Identifier: MIT
//
// Memory that the kernel does not take back at once, because the process has as many mappings as it may.
#include "os/memory.hpp"

#include "support/child.hpp"
#include "support/sanitizers.hpp"

#include <cerrno>
#include <cstddef>
#include <span>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

namespace os = pirn::os;

bool is_mapped(std::span<std::byte> page) {
    unsigned char resident = 0;
    return ::mincore(page.data(), page.size(), &resident) == 0;
}

// Protects every other page until the kernel has no mapping left; the memory in which it did so.
std::span<std::byte> use_up_all_mappings() {
    constexpr std::size_t pages = 140'000;
    const std::size_t page = os::page_size();
    const std::span<std::byte> memory = os::reserve_memory(pages * page);
    for (std::size_t i = 0; i < pages; i += 2) {
        if (::mprotect(memory.data() + i * page, page, PROT_NONE) != 0) {
            EXPECT_EQ(errno, ENOMEM);
            return memory;
        }
    }
    return {};
}

TEST(dropped_memory, that_the_kernel_refuses_goes_with_a_later_call) {
    if (support::under_sanitizer || support::under_valgrind) {
        GTEST_SKIP() << "which need mappings of their own all the time";
    }
    const auto end = support::in_child([] {
        const std::size_t page = os::page_size();
        const std::span<std::byte> three = os::reserve_memory(3 * page);
        const std::span<std::byte> other = os::reserve_memory(page);
        three[page] = std::byte{1};
        const std::span<std::byte> middle = three.subspan(page, page);
        const std::span<std::byte> used = use_up_all_mappings();
        if (used.empty()) ::_exit(1);
        os::drop_memory(middle); // would leave one mapping more
        if (!is_mapped(middle)) ::_exit(2);
        if (three[page] != std::byte{0}) ::_exit(3); // its page has gone
        if (!os::release_memory(used)) ::_exit(4);
        os::drop_memory(other);
        if (is_mapped(middle) || is_mapped(other)) ::_exit(5);
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
}

} // namespace
