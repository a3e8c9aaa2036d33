// SPDX-License-Identifier: MIT
//
// Many stacks of a slab, lent and taken back.
#pragma once

#include <pirn/stack/slab.hpp>

#include <cstddef>
#include <vector>

using stacks = std::vector<pirn::stack>;

inline stacks lend(pirn::slab_stack_source& source, std::size_t count) {
    stacks lent;
    lent.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        lent.push_back(source.allocate(source.stack_size()));
    }
    return lent;
}

inline void take_back(pirn::slab_stack_source& source, const stacks& lent) {
    for (const pirn::stack& one : lent) {
        source.deallocate(one);
    }
}
