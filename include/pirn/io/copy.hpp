// SPDX-License-Identifier: MIT
//
// All bytes of one stream into another. Where both go through descriptors, the kernel moves them, by splice(2),
// sendfile(2) or copy_file_range(2), and they never come into the program's memory; elsewhere a buffer does it.
//
//   pirn::io::copy(upload, file);
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/io/stream.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <system_error>

namespace pirn::io {

struct copy_options {
    // The most bytes to copy.
    std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

    // The size of the buffer, where one is needed. Bytes, at least 1.
    std::size_t buffer = std::size_t{64} * 1024;

    // Whether the kernel may do it.
    bool by_kernel = true;
};

// copy: until the end of `from`, or the limit; how many bytes. Neither stream is ended or closed. The second form
// returns how many were written before the error. Cancelled, or refused by `to`, bytes that were already in the
// buffer are lost to both; by the kernel none are. Suspends.
PIRN_EXPORT std::uint64_t copy(byte_stream& from, byte_stream& to,
                               const copy_options& options = {});
PIRN_EXPORT std::uint64_t copy(byte_stream& from, byte_stream& to, const copy_options& options,
                               std::error_code& error);

} // namespace pirn::io
