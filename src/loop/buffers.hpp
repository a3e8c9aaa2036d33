// SPDX-License-Identifier: MIT
//
// The inside of a buffer ring: the memory, and who has which buffer. Each is in one of four places:
//
//   free ──(offer)──► with the kernel ──► filled, queued on its operation ──► leased ──► free
//     └──────────────────────────────────────▲ (a receive of our own)
//
// epoll has no use for the second place; io_uring keeps all there that nobody waits for here.
#pragma once

#include <pirn/loop/buffers.hpp>

#include "loop/backend.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pirn::detail {

struct buffer_pool {
    static constexpr std::uint32_t none = ~std::uint32_t{0};
    static constexpr int receives_max = 16; // of our own in one go, before others have their turn

    // received: how one receive into a free buffer went.
    enum class received : std::uint8_t { bytes, nothing_there, no_buffer, ended };

    buffer_pool(backend& serves, const buffer_options& options);
    buffer_pool(const buffer_pool&) = delete;
    buffer_pool& operator=(const buffer_pool&) = delete;
    ~buffer_pool();

    std::byte* at(std::uint32_t index) const noexcept { return memory + index * options.size; }

    // take_free, put_free: the list of free buffers; `none` when there is none.
    std::uint32_t take_free() noexcept;
    void put_free(std::uint32_t index) noexcept;

    // fill: a buffer has got its bytes for an operation.
    void fill(receive_borrowed_operation& what, std::uint32_t index, int size) noexcept;

    // receive: one receive without waiting; `result` is set with `ended` (an error, or 0) and `bytes`.
    received receive(receive_borrowed_operation& what, int& result) noexcept;

    // report: puts the oldest filled buffer of an operation into its lease, and the size into its
    // result. False when there is none.
    bool report(receive_borrowed_operation& what) noexcept;

    unsigned lent() const noexcept { return options.count - kernel - free_count; }

    // is_here: whether this is the process that made it, and not a child of it.
    bool is_here() const noexcept { return generation == os::fork_generation(); }

    backend& kernel_side;
    const unsigned generation = os::fork_generation();
    const buffer_options options;
    std::byte* memory = nullptr;
    struct slot {
        std::uint32_t next = none;
        std::uint32_t filled = 0; // bytes
    };
    std::vector<slot> slots;
    std::uint32_t free = none;
    unsigned free_count = 0;
    unsigned kernel = 0;      // how many are with the kernel
    unsigned users = 0;       // operations in flight
    operation_queue starving; // they found no buffer

    void* ring = nullptr; // io_uring's, shared with the kernel
    int group = 0;
    std::size_t place = 0; // among the pools of the backend
};

} // namespace pirn::detail
