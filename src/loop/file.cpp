// SPDX-License-Identifier: MIT
//
// Taking apart what getdents64(2) has filled in: entries of different lengths, one behind the other.
#include <pirn/loop/file.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <dirent.h>

namespace pirn {

bool next_entry(bytes& filled, directory_entry& entry) noexcept {
    constexpr std::size_t head = offsetof(dirent64, d_name);
    if (filled.size() <= head) {
        return false;
    }
    // Copied out: the caller's buffer need not be aligned for it.
    dirent64 first{};
    std::memcpy(&first, filled.data(), head);
    entry.name = reinterpret_cast<const char*>(filled.data()) + head;
    entry.inode = first.d_ino;
    entry.type = first.d_type;
    filled = filled.subspan(std::min<std::size_t>(first.d_reclen, filled.size()));
    return true;
}

} // namespace pirn
