// SPDX-License-Identifier: MIT
//
// This program's own operator new, which counts and refuses. It defines the replacement, so that one file of a program
// includes it, and none of a program that does not want it.
#pragma once

#include <pirn/base/config.hpp>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace support {

inline std::atomic<long> allocations{0};   // so far
inline std::atomic<long> allocated{0};     // and not yet freed
inline std::atomic<bool> refuse{false};    // every allocation fails
inline std::atomic<long> refuse_after{-1}; // so many succeed, then one fails; negative: none does

// What the replacement does first. Not inlined, or gcc sees malloc on one side and delete on the other, and warns.
PIRN_NOINLINE inline void count_allocation() {
    if (refuse.load(std::memory_order_relaxed) ||
        (refuse_after.load(std::memory_order_relaxed) >= 0 &&
         refuse_after.fetch_sub(1, std::memory_order_relaxed) == 0)) {
        throw std::bad_alloc{};
    }
    allocations.fetch_add(1, std::memory_order_relaxed);
    allocated.fetch_add(1, std::memory_order_relaxed);
}

PIRN_NOINLINE inline void let_go(void* memory) noexcept {
    allocated.fetch_sub(memory != nullptr ? 1 : 0, std::memory_order_relaxed);
    std::free(memory); // NOLINT: this is the allocator
}

} // namespace support

// The sanitizers bring their own, and want to see every allocation.
#if !defined(PIRN_ASAN) && !defined(PIRN_TSAN)

PIRN_NOINLINE void* operator new(std::size_t size) {
    support::count_allocation();
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) { // NOLINT
        return memory;
    }
    throw std::bad_alloc{};
}
PIRN_NOINLINE void* operator new(std::size_t size, std::align_val_t alignment) {
    support::count_allocation();
    const auto bytes = static_cast<std::size_t>(alignment);
    if (void* const memory =
            std::aligned_alloc(bytes, (size + bytes - 1) / bytes * bytes)) { // NOLINT
        return memory;
    }
    throw std::bad_alloc{};
}
PIRN_NOINLINE void* operator new[](std::size_t size) { return ::operator new(size); }
PIRN_NOINLINE void operator delete(void* memory) noexcept { support::let_go(memory); }
PIRN_NOINLINE void operator delete[](void* memory) noexcept { support::let_go(memory); }
PIRN_NOINLINE void operator delete(void* memory, std::size_t /*size*/) noexcept {
    support::let_go(memory);
}
PIRN_NOINLINE void operator delete[](void* memory, std::size_t /*size*/) noexcept {
    support::let_go(memory);
}
PIRN_NOINLINE void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept {
    support::let_go(memory);
}
PIRN_NOINLINE void operator delete(void* memory, std::size_t /*size*/,
                                   std::align_val_t /*alignment*/) noexcept {
    support::let_go(memory);
}

#endif
