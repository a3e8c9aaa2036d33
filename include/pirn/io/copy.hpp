// SPDX-License-Identifier: MIT
//
// All bytes of one stream into another. Where both go through descriptors, the kernel moves them, by splice(2),
// sendfile(2) or copy_file_range(2), and they never come into the program's memory; elsewhere a buffer does it.
//
//   from \ to      pipe        socket                 file                       anything else
//   pipe           splice      splice                 splice                     buffer
//   socket         splice      TCP: splice when       buffer                     buffer
//                              much comes, or buffer
//   file           splice      sendfile               copy_file_range            buffer
//   anything else  buffer      buffer                 buffer                     buffer
//
// A socket on which nothing comes costs neither a buffer nor a descriptor. Between two files, holes stay holes.
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

    // Whether the kernel may do it. If it does, a pipe or socket may hold pages of the file itself, and no copy of them:
    // what is written to the file before the peer has read them, or a network has sent them, arrives instead of what
    // was there. Say false if the file may be written meanwhile.
    bool by_kernel = true;
};

// copy: until the end of `from`, or the limit; how many bytes `to` has taken. Neither stream is ended or closed. The second
// form returns how many before the error, also when it is cancelled.
//
// Cancelled, or refused by `to`: bytes that were in a buffer are lost to both, and so are those between two sockets, up to
// 1 MiB. Else the kernel loses none, and between files none are lost in any way.
//
// Between two regular files, holes of the source are holes of the target, whose size follows by ftruncate; what was in
// the target there is punched out. To a file opened for appending, holes of 64 KiB and more are kept; let no other
// program append meanwhile. Where the file system refuses these calls, zeros are written. Suspends.
PIRN_EXPORT std::uint64_t copy(byte_stream& from, byte_stream& to,
                               const copy_options& options = {});
PIRN_EXPORT std::uint64_t copy(byte_stream& from, byte_stream& to, const copy_options& options,
                               std::error_code& error);

} // namespace pirn::io
