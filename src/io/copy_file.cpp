// SPDX-License-Identifier: MIT
//
// The source is walked extent by extent:
//
//   source   ▓▓▓▓▓▓▓▓ hole ▓▓▓▓ hole          SEEK_DATA, SEEK_HOLE tell where each ends
//   target   ▓▓▓▓▓▓▓▓      ▓▓▓▓               its position moves on; what was there before is punched out
//                              └── tail ──┘   its size follows when the step ends, by ftruncate
//
// A hole for which a call is refused is copied as data, which is zeros; without SEEK_DATA and SEEK_HOLE, all of it is data.
#include "io/copy_file.hpp"

#include "os/file.hpp"

#include <algorithm>
#include <cerrno>
#include <new>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pirn::io::detail {
namespace {

// How many bytes of data a step copies: much, but not so much that a request to stop waits for long.
constexpr std::uint64_t step_size = std::uint64_t{8} << 20;

// Smaller holes are filled in a file that is opened for appending. Between the look at its size and ftruncate another
// program may append: no byte of that is cut off unless it is more than the hole.
constexpr std::uint64_t least_appended_hole = std::uint64_t{64} * 1024;

bool is_refusal(int result) noexcept {
    return result == -EINVAL || result == -ENOSYS || result == -EOPNOTSUPP || result == -EXDEV ||
           result == -EBADF || result == -EPERM || result == -ETXTBSY;
}

std::int64_t position_of(int file) noexcept { return ::lseek(file, 0, SEEK_CUR); }

std::int64_t size_of(int file) noexcept {
    struct stat known{};
    return ::fstat(file, &known) == 0 ? std::int64_t{known.st_size} : -1;
}

} // namespace

int file_copier::step(std::uint64_t most, const pooled_operation& caller,
                      std::uint64_t& moved) noexcept {
    moved = 0;
    int result = copy(most, caller, moved);
    if (!settle()) {
        // The target does not grow by ftruncate: the last hole is copied as data.
        moved -= tail_;
        tail_ = 0;
        if (result == 0 && moved == 0) {
            result = copy(most, caller, moved);
        }
    }
    return result;
}

int file_copier::copy(std::uint64_t most, const pooled_operation& caller,
                      std::uint64_t& moved) noexcept {
    for (std::uint64_t data = 0; moved < most && data < step_size;) {
        if (caller.stop_requested()) {
            return moved > 0 ? 0 : -ECANCELED;
        }
        const extent part = next(most - moved);
        if (part.is_hole && keep_hole(part.size)) {
            moved += part.size;
            continue;
        }
        const int copied =
            copy_data(static_cast<std::size_t>(std::min(part.size, step_size - data)), caller);
        if (copied <= 0) {
            return copied == -ECANCELED && moved > 0 ? 0 : copied;
        }
        tail_ = 0;
        data += static_cast<std::uint64_t>(copied);
        moved += static_cast<std::uint64_t>(copied);
    }
    return 0;
}

// next: what follows in the source. What lies beyond its size is data, as files of /proc say that they are empty.
file_copier::extent file_copier::next(std::uint64_t most) noexcept {
    const std::int64_t at = position_of(from_);
    // The size comes first: what is appended after this look may not be taken for a part of the hole.
    const std::int64_t size = size_of(from_);
    if (!keeps_holes_ || at < 0 || at >= size) {
        return {false, most};
    }
    std::int64_t data = ::lseek(from_, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) {
        data = size;
    }
    std::int64_t end = data;
    if (data < 0) {
        keeps_holes_ = false;
    } else if (data == at) {
        end = ::lseek(from_, at, SEEK_HOLE);
    }
    ::lseek(from_, at, SEEK_SET);
    if (end <= at) {
        return {false, most};
    }
    return {data > at, std::min(most, static_cast<std::uint64_t>(end - at))};
}

// keep_hole: moves both positions over a hole; false, and nothing has happened, where it cannot be one.
bool file_copier::keep_hole(std::uint64_t size) noexcept {
    const int flags = ::fcntl(to_, F_GETFL);
    if (flags < 0 || (flags & O_APPEND) != 0) {
        return flags >= 0 && append_hole(size);
    }
    const std::int64_t at = position_of(to_);
    const std::int64_t known = size_of(to_);
    const auto length = static_cast<std::int64_t>(size);
    if (at < 0 || known < 0 || length > INT64_MAX - at) {
        return false;
    }
    if (known > at && ::fallocate(to_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
                                  std::min(length, known - at)) != 0) {
        return false;
    }
    if (::lseek(to_, at + length, SEEK_SET) < 0) {
        return false;
    }
    ::lseek(from_, length, SEEK_CUR);
    tail_ = at + length > known ? tail_ + size : 0;
    return true;
}

bool file_copier::append_hole(std::uint64_t size) noexcept {
    const std::int64_t known = size_of(to_);
    const auto length = static_cast<std::int64_t>(size);
    if (size < least_appended_hole || known < 0 || length > INT64_MAX - known ||
        os::truncate(to_, known + length) != 0) {
        return false;
    }
    ::lseek(to_, known + length, SEEK_SET);
    ::lseek(from_, length, SEEK_CUR);
    return true;
}

// settle: makes the target as long as its position says, if a hole was the last; false, with both positions before that
// hole, if the file system refuses.
bool file_copier::settle() noexcept {
    if (tail_ == 0) {
        return true;
    }
    const std::int64_t at = position_of(to_);
    if (size_of(to_) >= at || os::truncate(to_, at) == 0) {
        tail_ = 0;
        return true;
    }
    const auto length = static_cast<std::int64_t>(tail_);
    ::lseek(to_, -length, SEEK_CUR);
    ::lseek(from_, -length, SEEK_CUR);
    keeps_holes_ = false;
    return false;
}

int file_copier::copy_data(std::size_t most, const pooled_operation& caller) noexcept {
    for (;;) {
        const int result = by_kernel_ ? os::copy_range(from_, to_, most) : copy_bytes(most);
        if (result == -EINTR && caller.stop_requested()) {
            return -ECANCELED;
        }
        if (by_kernel_ && (result == 0 || is_refusal(result))) {
            by_kernel_ = false; // the end, or a file of which copy_file_range alone says so
        } else if (result != -EINTR) {
            return result;
        }
    }
}

int file_copier::copy_bytes(std::size_t most) noexcept {
    if (buffer_ == nullptr) {
        buffer_.reset(new (std::nothrow) std::byte[buffer_size_]);
        if (buffer_ == nullptr) {
            return -ENOMEM;
        }
    }
    const int got = os::read(from_, mutable_bytes{buffer_.get(), std::min(most, buffer_size_)}, -1);
    int written = 0;
    int result = 0;
    while (written < got && result >= 0) {
        result = os::write(
            to_, bytes{buffer_.get() + written, static_cast<std::size_t>(got - written)}, -1);
        written += std::max(result, 0);
    }
    if (written < got) {
        ::lseek(from_, written - got, SEEK_CUR); // what was not written is read again
    }
    return got <= 0 ? got : written > 0 ? written : result;
}

} // namespace pirn::io::detail
