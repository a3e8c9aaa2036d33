// SPDX-License-Identifier: MIT
//
// Memory from the kernel, by mmap and madvise.
#include "os/memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace pirn::os {
namespace {

// Linux 6.13; the C library's headers are older than that.
constexpr int madv_guard_install = 102;

} // namespace

std::size_t page_size() noexcept {
    static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return size;
}

std::size_t round_to_pages(std::size_t bytes) noexcept {
    const std::size_t page = page_size();
    return (bytes + page - 1) / page * page;
}

std::span<std::byte> reserve_memory(std::size_t size) noexcept {
    // NORESERVE: a stack is mostly never touched, and the kernel shall not account for what is not.
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) {
        return {};
    }
    // A huge page would commit 2 MiB at the first touch of a stack that needs 4 KiB.
    ::madvise(memory, size, MADV_NOHUGEPAGE);
    return {static_cast<std::byte*>(memory), size};
}

bool guard_memory(std::span<std::byte> pages) noexcept {
    return ::madvise(pages.data(), pages.size(), madv_guard_install) == 0 ||
           ::mprotect(pages.data(), pages.size(), PROT_NONE) == 0;
}

void release_memory(std::span<std::byte> memory) noexcept {
    ::munmap(memory.data(), memory.size());
}

} // namespace pirn::os
