// SPDX-License-Identifier: MIT
//
// What a thread of the blocking pool does for each kind of operation.
#include <pirn/loop/file.hpp>

#include "loop/pool_state.hpp"
#include "os/file.hpp"

#include <cerrno>

namespace pirn::detail {
namespace {

template <class Operation>
Operation& as(pooled_operation& what) noexcept {
    return static_cast<Operation&>(what);
}

int once(pooled_operation& what) noexcept {
    switch (what.kind()) {
    case operation_kind::open: {
        const auto& open = as<open_operation>(what);
        return os::open(open.directory, open.path, open.flags, open.mode);
    }
    case operation_kind::read: {
        const auto& read = as<read_operation>(what);
        return os::read(read.descriptor, read.buffer, read.offset);
    }
    case operation_kind::write: {
        const auto& write = as<write_operation>(what);
        return os::write(write.descriptor, write.buffer, write.offset);
    }
    case operation_kind::read_vector: {
        const auto& read = as<read_vector_operation>(what);
        return os::read(read.descriptor, read.pieces, read.offset);
    }
    case operation_kind::write_vector: {
        const auto& write = as<write_vector_operation>(what);
        return os::write(write.descriptor, write.pieces, write.offset);
    }
    case operation_kind::sync: {
        const auto& sync = as<sync_operation>(what);
        return os::sync(sync.descriptor, sync.data_only);
    }
    case operation_kind::allocate: {
        const auto& allocate = as<allocate_operation>(what);
        return os::allocate(allocate.descriptor, allocate.mode, allocate.offset, allocate.size);
    }
    case operation_kind::truncate: {
        const auto& truncate = as<truncate_operation>(what);
        return os::truncate(truncate.descriptor, truncate.size);
    }
    case operation_kind::status: {
        const auto& status = as<status_operation>(what);
        return os::status(status.directory, status.path, status.flags, status.mask, status.status);
    }
    case operation_kind::rename: {
        const auto& rename = as<rename_operation>(what);
        return os::rename(rename.directory, rename.path, rename.new_directory, rename.new_path,
                          rename.flags);
    }
    case operation_kind::unlink: {
        const auto& unlink = as<unlink_operation>(what);
        return os::unlink(unlink.directory, unlink.path, unlink.flags);
    }
    case operation_kind::make_directory: {
        const auto& make = as<make_directory_operation>(what);
        return os::make_directory(make.directory, make.path, make.mode);
    }
    case operation_kind::read_directory: {
        const auto& read = as<read_directory_operation>(what);
        return os::read_directory(read.descriptor, read.buffer);
    }
    default: return -EINVAL; // nothing else comes here
    }
}

} // namespace

int perform_blocking(pooled_operation& what) noexcept {
    if (what.kind() == operation_kind::work) {
        auto& work = as<work_operation>(what);
        return work.run(work); // and -EINTR is its own business
    }
    for (;;) {
        const int result = once(what);
        if (result != -EINTR || what.stop_requested()) {
            return result;
        }
    }
}

} // namespace pirn::detail
