// SPDX-License-Identifier: MIT
//
// Operations into entries of the submission queue, one file per family. The address of the operation is
// put in by the caller.
#pragma once

#include <pirn/loop/operation.hpp>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>

#include <liburing.h>

namespace pirn::detail {

// write_flag: bits in the flags of a write at the file's own position, which may be to a pipe or a socket
// and then would raise SIGPIPE in our thread. Linux 6.18 can be told not to; before that, a worker thread
// of the kernel does it, where the signal hits nobody.
//
//   asked not to ──────► finished
//        │ -EOPNOTSUPP
//        └─────────────► by a worker ──────► finished
namespace write_flag {
inline constexpr std::uint8_t by_worker = 0x01;
} // namespace write_flag

// writes_in_order: whether it is such a write. Never suspends.
bool writes_in_order(const operation& what) noexcept;

// refuse_offset: -ESPIPE when a read or write names an offset where there are no places, which the ring would ignore;
// else 0. Never suspends.
int refuse_offset(const operation& what) noexcept;

// prepare_net, prepare_splice, prepare_file: sockets and descriptors in general; from one descriptor to
// another; files. Never suspend.
void prepare_net(io_uring_sqe& entry, operation& what) noexcept;
void prepare_splice(io_uring_sqe& entry, operation& what) noexcept;
void prepare_file(io_uring_sqe& entry, operation& what) noexcept;

// request_for: the number of the request that does what the pool can do too; -1 for none.
int request_for(operation_kind kind) noexcept;

// Results are an int, so no transfer may be longer.
inline unsigned transfer_size(std::size_t size) noexcept {
    return static_cast<unsigned>(std::min(size, static_cast<std::size_t>(INT_MAX)));
}

} // namespace pirn::detail
