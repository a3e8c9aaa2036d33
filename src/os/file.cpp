// SPDX-License-Identifier: MIT
//
// The file calls.
#include "os/file.hpp"

#include "os/result.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace pirn::os {
namespace {

static_assert(sizeof(off_t) == sizeof(std::int64_t), "to be compiled with _FILE_OFFSET_BITS=64");

int count_of(std::span<const iovec> pieces) noexcept {
    return static_cast<int>(std::min<std::size_t>(pieces.size(), INT_MAX));
}

// no_sigpipe: while it lives, SIGPIPE is blocked in this thread; one that came meanwhile is taken in.
class no_sigpipe {
  public:
    no_sigpipe() noexcept {
        ::sigemptyset(&broken_pipe_);
        ::sigaddset(&broken_pipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &broken_pipe_, &before_);
    }
    no_sigpipe(const no_sigpipe&) = delete;
    no_sigpipe& operator=(const no_sigpipe&) = delete;
    ~no_sigpipe() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

    // through: the result of the call, which may have raised it.
    template <class Number>
    int through(Number returned) noexcept {
        const int result = result_of(returned);
        if (result == -EPIPE) {
            const timespec at_once{};
            ::sigtimedwait(&broken_pipe_, nullptr, &at_once);
        }
        return result;
    }

  private:
    sigset_t broken_pipe_{};
    sigset_t before_{};
};

} // namespace

int open(int directory, const char* path, int flags, mode_t mode) noexcept {
    return result_of(::openat(directory, path, flags | O_CLOEXEC, mode));
}

int read(int descriptor, mutable_bytes into, std::int64_t offset) noexcept {
    const std::size_t size = transfer_size(into.size());
    return offset == -1 ? result_of(::read(descriptor, into.data(), size))
                        : result_of(::pread(descriptor, into.data(), size, offset));
}

int read(int descriptor, std::span<const iovec> into, std::int64_t offset) noexcept {
    return offset == -1 ? result_of(::readv(descriptor, into.data(), count_of(into)))
                        : result_of(::preadv(descriptor, into.data(), count_of(into), offset));
}

bool waits_for_others(int descriptor) noexcept {
    constexpr unsigned memory_devices =
        1; // /dev/zero and its like always have something, as much as is wanted
    struct stat found{};
    if (::fstat(descriptor, &found) != 0) {
        return false;
    }
    switch (found.st_mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
    case S_IFBLK: return false;
    case S_IFCHR: return major(found.st_rdev) != memory_devices;
    default: return true; // those without a name have no type either
    }
}

int read_now(int descriptor, std::span<const iovec> into) noexcept {
    return uninterrupted([&] {
        const int result =
            result_of(::preadv2(descriptor, into.data(), count_of(into), -1, RWF_NOWAIT));
        if (result != -EOPNOTSUPP) {
            return result;
        }
        // It cannot be read without waiting, but it can be asked first.
        pollfd asked{descriptor, POLLIN, 0};
        const int ready = result_of(::poll(&asked, 1, 0));
        return ready > 0 ? result_of(::readv(descriptor, into.data(), count_of(into)))
                         : (ready == 0 ? -EAGAIN : ready);
    });
}

int write(int descriptor, bytes from, std::int64_t offset) noexcept {
    const std::size_t size = transfer_size(from.size());
    return offset == -1 ? no_sigpipe{}.through(::write(descriptor, from.data(), size))
                        : result_of(::pwrite(descriptor, from.data(), size, offset));
}

int write(int descriptor, std::span<const iovec> from, std::int64_t offset) noexcept {
    return offset == -1 ? no_sigpipe{}.through(::writev(descriptor, from.data(), count_of(from)))
                        : result_of(::pwritev(descriptor, from.data(), count_of(from), offset));
}

bool has_places(int descriptor) noexcept {
    return ::lseek(descriptor, 0, SEEK_CUR) >= 0 || errno != ESPIPE;
}

bool is_pipe(int descriptor) noexcept {
    struct stat found{};
    return ::fstat(descriptor, &found) == 0 && (S_ISFIFO(found.st_mode) || S_ISSOCK(found.st_mode));
}

int write_now(int descriptor, std::span<const iovec> from) noexcept {
    return uninterrupted([&] {
        const int result = no_sigpipe{}.through(
            ::pwritev2(descriptor, from.data(), count_of(from), -1, RWF_NOWAIT));
        if (result != -EOPNOTSUPP) {
            return result;
        }
        // An older kernel: but it can be asked first, and what is no longer than PIPE_BUF has room then.
        pollfd asked{descriptor, POLLOUT, 0};
        const int ready = result_of(::poll(&asked, 1, 0));
        if (ready <= 0) {
            return ready == 0 ? -EAGAIN : ready;
        }
        const auto first =
            std::ranges::find_if(from, [](const iovec& one) { return one.iov_len > 0; });
        return first == from.end()
                   ? 0
                   : no_sigpipe{}.through(::write(descriptor, first->iov_base,
                                                  std::min(first->iov_len, std::size_t{PIPE_BUF})));
    });
}

int sync(int descriptor, bool data_only) noexcept {
    return result_of(data_only ? ::fdatasync(descriptor) : ::fsync(descriptor));
}

int allocate(int descriptor, int mode, std::int64_t offset, std::int64_t size) noexcept {
    return result_of(::fallocate(descriptor, mode, offset, size));
}

int truncate(int descriptor, std::int64_t size) noexcept {
    return result_of(::ftruncate(descriptor, size));
}

int status(int directory, const char* path, int flags, unsigned mask, struct statx* into) noexcept {
    return result_of(::statx(directory, path, flags, mask, into));
}

int rename(int directory, const char* path, int new_directory, const char* new_path,
           unsigned flags) noexcept {
    return result_of(::renameat2(directory, path, new_directory, new_path, flags));
}

int unlink(int directory, const char* path, int flags) noexcept {
    return result_of(::unlinkat(directory, path, flags));
}

int make_directory(int directory, const char* path, mode_t mode) noexcept {
    return result_of(::mkdirat(directory, path, mode));
}

int read_directory(int descriptor, mutable_bytes into) noexcept {
    return result_of(
        ::syscall(SYS_getdents64, descriptor, into.data(), transfer_size(into.size())));
}

int splice(int source, std::int64_t source_offset, int destination, std::int64_t destination_offset,
           std::size_t size) noexcept {
    no_sigpipe quiet;
    return uninterrupted([&] {
        loff_t from = source_offset;
        loff_t to = destination_offset;
        return quiet.through(::splice(source, from == -1 ? nullptr : &from, destination,
                                      to == -1 ? nullptr : &to, transfer_size(size),
                                      SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
    });
}

int send_file(int socket, int file, std::int64_t offset, std::size_t size) noexcept {
    no_sigpipe quiet;
    return uninterrupted([&] {
        off_t from = offset;
        return quiet.through(::sendfile(socket, file, &from, transfer_size(size)));
    });
}

int copy_range(int source, int destination, std::size_t size) noexcept {
    return result_of(
        ::copy_file_range(source, nullptr, destination, nullptr, transfer_size(size), 0));
}

int lock(int descriptor, int how) noexcept { return result_of(::flock(descriptor, how)); }

} // namespace pirn::os
