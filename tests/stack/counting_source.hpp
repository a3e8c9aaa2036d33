// SPDX-License-Identifier: MIT
//
// A stack source that counts, and that can be told to refuse: what stands below a pool in a test.
#pragma once

#include <pirn/stack/sources.hpp>

#include <cstddef>
#include <new>

class counting_source final : public pirn::stack_source {
  public:
    pirn::stack allocate(std::size_t size) override {
        if (refuses) {
            throw std::bad_alloc{};
        }
        const pirn::stack given = below_.allocate(size);
        ++lent;
        ++asked;
        return given;
    }
    void deallocate(const pirn::stack& used) noexcept override {
        --lent;
        below_.deallocate(used);
    }

    int lent = 0;
    int asked = 0;
    bool refuses = false;

  private:
    pirn::mapped_stack_source below_;
};
