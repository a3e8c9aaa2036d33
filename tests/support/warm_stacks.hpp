// SPDX-License-Identifier: MIT
//
// Stacks that stay warm from one round of a measurement to the next, so that page faults are not what is measured.
#pragma once

#include <pirn/sched/options.hpp>
#include <pirn/stack/slab.hpp>
#include <pirn/stack/sources.hpp>

#include "support/growth.hpp"

#include <cstddef>

namespace support {

// on_warm_stack: options for a task of this thread.
inline pirn::spawn_options on_warm_stack() {
    constexpr std::size_t size = std::size_t{16} * 1024;
    static auto* const slab = new pirn::slab_stack_source{{.stack_size = size}}; // never destroyed
    static auto* const pool =
        new pirn::pooled_stack_source{*slab, {.size = size, .keep = std::size_t{1} << 20}};
    detail::cool = [] {
        pool->trim();
        slab->trim();
    };
    return {.stack_size = size, .stacks = pool};
}

} // namespace support
