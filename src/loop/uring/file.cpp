// SPDX-License-Identifier: MIT
//
// The io_uring backend: the entries for files.
#include <pirn/loop/file.hpp>

#include "loop/backend.hpp"
#include "loop/uring/prepare.hpp"
#include "loop/uring/probe.hpp"
#include "os/file.hpp"

#include <cerrno>
#include <cstdint>

namespace pirn::detail {
namespace {

template <class Operation>
const Operation& as(const operation& what) noexcept {
    return static_cast<const Operation&>(what);
}

std::uint64_t place(std::int64_t offset) noexcept { return static_cast<std::uint64_t>(offset); }

unsigned count_of(std::span<const iovec> pieces) noexcept {
    return static_cast<unsigned>(std::min<std::size_t>(pieces.size(), INT_MAX));
}

constexpr int no_signal = 0x100; // RWF_NOSIGNAL

// may_wait_for_other_end: whether the open is to wait if the name is a pipe's. The ring's first attempt would add
// O_NONBLOCK, with which such an open is refused (to write) or does not wait (to read); a worker of the kernel makes
// none.
bool may_wait_for_other_end(int flags) noexcept {
    return (flags & O_ACCMODE) != O_RDWR && (flags & (O_NONBLOCK | O_DIRECTORY | O_PATH)) == 0;
}

} // namespace

bool writes_in_order(const operation& what) noexcept {
    return (what.kind() == operation_kind::write && as<write_operation>(what).offset == -1) ||
           (what.kind() == operation_kind::write_vector &&
            as<write_vector_operation>(what).offset == -1);
}

int refuse_offset(const operation& what) noexcept {
    const auto refuse = [](const auto& transfer) noexcept {
        return transfer.offset < 0 || transfer.has_places || os::has_places(transfer.descriptor)
                   ? 0
                   : -ESPIPE;
    };
    switch (what.kind()) {
    case operation_kind::read: return refuse(as<read_operation>(what));
    case operation_kind::write: return refuse(as<write_operation>(what));
    case operation_kind::read_vector: return refuse(as<read_vector_operation>(what));
    case operation_kind::write_vector: return refuse(as<write_vector_operation>(what));
    default: return 0;
    }
}

int request_for(operation_kind kind) noexcept {
    switch (kind) {
    case operation_kind::open: return IORING_OP_OPENAT;
    case operation_kind::read: return IORING_OP_READ;
    case operation_kind::write: return IORING_OP_WRITE;
    case operation_kind::read_vector: return IORING_OP_READV;
    case operation_kind::write_vector: return IORING_OP_WRITEV;
    case operation_kind::sync: return IORING_OP_FSYNC;
    case operation_kind::allocate: return IORING_OP_FALLOCATE;
    case operation_kind::truncate: return uring_request::truncate;
    case operation_kind::status: return IORING_OP_STATX;
    case operation_kind::rename: return IORING_OP_RENAMEAT;
    case operation_kind::unlink: return IORING_OP_UNLINKAT;
    case operation_kind::make_directory: return IORING_OP_MKDIRAT;
    default: return -1; // work, and getdents64, for which there is no request
    }
}

void prepare_file(io_uring_sqe& entry, operation& what) noexcept {
    switch (what.kind()) {
    case operation_kind::open: {
        const auto& open = as<open_operation>(what);
        io_uring_prep_openat(&entry, open.directory, open.path,
                             open.flags | O_CLOEXEC | O_LARGEFILE, open.mode);
        if (may_wait_for_other_end(open.flags)) {
            entry.flags |= IOSQE_ASYNC;
        }
        break;
    }
    case operation_kind::read: {
        const auto& read = as<read_operation>(what);
        io_uring_prep_read(&entry, read.descriptor, read.buffer.data(),
                           transfer_size(read.buffer.size()), place(read.offset));
        break;
    }
    case operation_kind::write: {
        const auto& write = as<write_operation>(what);
        io_uring_prep_write(&entry, write.descriptor, write.buffer.data(),
                            transfer_size(write.buffer.size()), place(write.offset));
        break;
    }
    case operation_kind::read_vector: {
        const auto& read = as<read_vector_operation>(what);
        io_uring_prep_readv(&entry, read.descriptor, read.pieces.data(), count_of(read.pieces),
                            place(read.offset));
        break;
    }
    case operation_kind::write_vector: {
        const auto& write = as<write_vector_operation>(what);
        io_uring_prep_writev(&entry, write.descriptor, write.pieces.data(), count_of(write.pieces),
                             place(write.offset));
        break;
    }
    case operation_kind::sync: {
        const auto& sync = as<sync_operation>(what);
        io_uring_prep_fsync(&entry, sync.descriptor, sync.data_only ? IORING_FSYNC_DATASYNC : 0);
        break;
    }
    case operation_kind::allocate: {
        // By hand: liburing 2.3 has an off_t for the length, which is passed on as an address.
        const auto& allocate = as<allocate_operation>(what);
        io_uring_prep_rw(IORING_OP_FALLOCATE, &entry, allocate.descriptor, nullptr,
                         static_cast<unsigned>(allocate.mode), place(allocate.offset));
        entry.addr = place(allocate.size);
        break;
    }
    case operation_kind::truncate: {
        const auto& truncate = as<truncate_operation>(what);
        io_uring_prep_rw(uring_request::truncate, &entry, truncate.descriptor, nullptr, 0,
                         place(truncate.size));
        break;
    }
    case operation_kind::status: {
        const auto& status = as<status_operation>(what);
        io_uring_prep_statx(&entry, status.directory, status.path, status.flags, status.mask,
                            status.status);
        break;
    }
    case operation_kind::rename: {
        const auto& rename = as<rename_operation>(what);
        io_uring_prep_renameat(&entry, rename.directory, rename.path, rename.new_directory,
                               rename.new_path, rename.flags);
        break;
    }
    case operation_kind::unlink: {
        const auto& unlink = as<unlink_operation>(what);
        io_uring_prep_unlinkat(&entry, unlink.directory, unlink.path, unlink.flags);
        break;
    }
    case operation_kind::make_directory: {
        const auto& make = as<make_directory_operation>(what);
        io_uring_prep_mkdirat(&entry, make.directory, make.path, make.mode);
        break;
    }
    default: io_uring_prep_nop(&entry); break; // the loop keeps the others to itself
    }
    if (writes_in_order(what)) {
        if ((operation_access::flags(what) & write_flag::by_worker) != 0) {
            entry.flags |= IOSQE_ASYNC;
        } else {
            entry.rw_flags = no_signal;
        }
    }
}

} // namespace pirn::detail
