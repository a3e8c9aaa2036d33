// SPDX-License-Identifier: MIT
//
// One operation, one system call that does not wait. Knows nothing of epoll.
#pragma once

#include <pirn/loop/operations.hpp>

#include <cstdint>
#include <optional>

namespace pirn::detail {

// descriptor_of: the descriptor that an operation is about; -1 for a timer or a nop,
// and for a child that nobody has asked about yet.
int descriptor_of(const operation& what) noexcept;

// waits_for_source: whether a splice, when asked last, found nothing in its source; else it found no room
// in its destination.
bool waits_for_source(const operation& what) noexcept;

// reads_file, writes_file: a read or write of a file; in_order: whether it is at the file's own position, the only one
// that what waits for others has.
inline bool reads_file(const operation& what) noexcept {
    return what.kind() == operation_kind::read || what.kind() == operation_kind::read_vector;
}
inline bool writes_file(const operation& what) noexcept {
    return what.kind() == operation_kind::write || what.kind() == operation_kind::write_vector;
}
bool in_order(const operation& what) noexcept;

// reads: whether an operation waits among the readers of its descriptor; the others wait among the writers.
inline bool reads(const operation& what) noexcept {
    switch (what.kind()) {
    case operation_kind::accept:
    case operation_kind::read:
    case operation_kind::read_vector:
    case operation_kind::receive:
    case operation_kind::receive_message: return true;
    case operation_kind::splice: return waits_for_source(what);
    default: return false;
    }
}

// events_of: what a poll or child operation waits for on its descriptor.
std::uint32_t events_of(const operation& what) noexcept;

// close_pidfd: for the end of a child operation.
void close_pidfd(operation& what) noexcept;

// forget: gives up what an operation has acquired to wait with; for its end.
inline void forget(operation& what) noexcept {
    if (what.kind() == operation_kind::child) {
        close_pidfd(what);
    }
}

// perform: the result, or nothing when the kernel would have to wait. A connect is begun by the first
// call and asked after by the following ones.
std::optional<int> perform(operation& what) noexcept;

} // namespace pirn::detail
