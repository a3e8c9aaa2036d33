// SPDX-License-Identifier: MIT
//
// A coroutine must be the same on every kind of stack: suites that are repeated for each.
#pragma once

#include <pirn/coro/options.hpp>
#include <pirn/stack/sources.hpp>

#include "support/account.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace support {

enum class stack_kind { callers_memory, fixed, mapped, pooled, standard };

inline std::string to_string(stack_kind kind) {
    switch (kind) {
    case stack_kind::callers_memory: return "callers_memory";
    case stack_kind::fixed: return "fixed";
    case stack_kind::mapped: return "mapped";
    case stack_kind::pooled: return "pooled";
    case stack_kind::standard: return "standard";
    }
    return "?";
}

inline void PrintTo(stack_kind kind, std::ostream* out) { *out << to_string(kind); }

inline std::string name_of(const testing::TestParamInfo<stack_kind>& kind) {
    return to_string(kind.param);
}

inline auto every_stack_kind() {
    return testing::Values(stack_kind::callers_memory, stack_kind::fixed, stack_kind::mapped,
                           stack_kind::pooled, stack_kind::standard);
}

// Memory for stacks, left as it is: a vector would touch all of it.
class raw_memory {
  public:
    explicit raw_memory(std::size_t size)
        : size_{size}, bytes_{static_cast<std::byte*>(::operator new(size, alignment))} {}
    ~raw_memory() { ::operator delete(bytes_, alignment); }
    raw_memory(const raw_memory&) = delete;
    raw_memory& operator=(const raw_memory&) = delete;

    std::span<std::byte> all() const { return {bytes_, size_}; }

  private:
    static constexpr std::align_val_t alignment{64};
    std::size_t size_;
    std::byte* bytes_;
};

class on_each_stack : public balanced<testing::TestWithParam<stack_kind>> {
  protected:
    // Room for gtest's own assertions, and for what the sanitizers add to each frame.
    static constexpr std::size_t stack_size = std::size_t{128} * 1024;

    // A new coroutine's options, on a stack of this suite's kind.
    pirn::coroutine_options stack(std::string_view name = {}) {
        pirn::coroutine_options options{.name = name, .stack_size = stack_size};
        switch (GetParam()) {
        case stack_kind::callers_memory:
            pieces_.emplace_back(stack_size);
            options.memory = pieces_.back().all();
            break;
        case stack_kind::fixed: options.stacks = &fixed_; break;
        case stack_kind::mapped: options.stacks = &mapped_; break;
        case stack_kind::pooled: options.stacks = &pooled_; break;
        case stack_kind::standard: break;
        }
        return options;
    }

  private:
    std::deque<raw_memory> pieces_;
    raw_memory slots_{8 * stack_size};
    pirn::fixed_stack_source fixed_{slots_.all(), stack_size};
    pirn::mapped_stack_source mapped_;
    pirn::pooled_stack_source pooled_{mapped_, stack_size};
};

} // namespace support
