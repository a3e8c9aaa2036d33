// SPDX-License-Identifier: MIT
//
// From one regular file to another, for a thread that may block. Holes of the source become holes of the target.
#pragma once

#include <pirn/loop/work.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace pirn::io::detail {

// file_copier: copies at and after the positions of both files, which move. Used by one thread at a time.
class file_copier {
  public:
    // With `by_kernel` false, and where the kernel refuses, the bytes go through a buffer of this size.
    file_copier(int from, int to, bool by_kernel, std::size_t buffer) noexcept
        : from_{from}, to_{to}, by_kernel_{by_kernel}, buffer_size_{buffer} {}

    // step: a part of `most` bytes; `moved` says how many, also beside an error. 0 moved and no error is the end of
    // the source. 0, or a negative errno; -ECANCELED when the operation is to stop. Suspends the thread.
    int step(std::uint64_t most, const pooled_operation& caller, std::uint64_t& moved) noexcept;

  private:
    // A part of the source that is one or the other.
    struct extent {
        bool is_hole;
        std::uint64_t size;
    };

    int copy(std::uint64_t most, const pooled_operation& caller, std::uint64_t& moved) noexcept;
    extent next(std::uint64_t most) noexcept;
    bool keep_hole(std::uint64_t size) noexcept;
    bool append_hole(std::uint64_t size) noexcept;
    bool settle() noexcept;
    int copy_data(std::size_t most, const pooled_operation& caller) noexcept;
    int copy_bytes(std::size_t most) noexcept;

    int from_;
    int to_;
    bool by_kernel_;
    bool keeps_holes_ =
        true; // false once the calls that find holes, or let the target grow, were refused
    std::size_t buffer_size_;
    std::unique_ptr<std::byte[]> buffer_;
    std::uint64_t tail_ =
        0; // bytes of holes that were left out at the target's end, beyond its size
};

} // namespace pirn::io::detail
