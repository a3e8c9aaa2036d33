// SPDX-License-Identifier: MIT
//
// A file descriptor that somebody owns: closed exactly once, counted in the account of live things.
// Not a stream: it knows nothing of what the number stands for.
#pragma once

#include <pirn/base/export.hpp>

#include <utility>

namespace pirn::os {

// handle: owns one descriptor, or none. Moving leaves the source with none.
class PIRN_EXPORT handle {
  public:
    handle() noexcept = default;
    // Takes ownership; a negative number (an error in the kernel's form, say) means none.
    explicit handle(int descriptor) noexcept;
    handle(handle&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
    handle& operator=(handle&& other) noexcept;
    ~handle();

    // get: the descriptor, -1 when there is none. Never suspends.
    int get() const noexcept { return descriptor_; }
    explicit operator bool() const noexcept { return descriptor_ >= 0; }

    // release: gives the descriptor away; the caller closes it. Never suspends.
    [[nodiscard]] int release() noexcept;

    // close: 0 or a negative errno, which is the last word of a descriptor about data written
    // before. The descriptor is gone either way. Closing none is 0. Never suspends.
    int close() noexcept;

  private:
    int descriptor_ = -1;
};

} // namespace pirn::os
