// SPDX-License-Identifier: MIT
//
// What the kernel says about this process's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

namespace support {

inline std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

// address_space: of the process, in bytes.
inline std::size_t address_space() {
    std::ifstream file{"/proc/self/statm"};
    std::size_t pages = 0;
    file >> pages;
    return pages * page_size();
}

// resident_memory: what the process has of memory of its own, in bytes. Without pages of files, its program among
// them, of which the first call of a function takes as many as the kernel has at hand. By the file that is exact;
// proc(5) says of statm that it is not.
inline std::size_t resident_memory() {
    std::ifstream exact{"/proc/self/smaps_rollup"};
    for (std::string word; exact >> word;) {
        if (word == "Anonymous:") {
            std::size_t kibibytes = 0;
            exact >> kibibytes;
            return kibibytes * 1024;
        }
    }
    std::ifstream rough{"/proc/self/statm"}; // not every kernel has the other
    std::size_t all = 0;
    std::size_t of_files = 0;
    rough >> all >> all >> of_files;
    return (all - of_files) * page_size();
}

// mappings: entries in the process's table of them.
inline std::size_t mappings() {
    std::ifstream file{"/proc/self/maps"};
    std::size_t lines = 0;
    for (std::string line; std::getline(file, line);) {
        ++lines;
    }
    return lines;
}

// status_of: a line of /proc/self/status that is in kB, in bytes; 0 where the kernel does not say it.
inline std::size_t status_of(const std::string& name) {
    std::ifstream status{"/proc/self/status"};
    for (std::string word; status >> word;) {
        if (word == name) {
            std::size_t kibibytes = 0;
            status >> kibibytes;
            return kibibytes * 1024;
        }
    }
    return 0;
}

inline std::size_t page_tables() { return status_of("VmPTE:"); }

// resident_bytes: how much of the whole pages in `memory` is there.
inline std::size_t resident_bytes(std::span<const std::byte> memory) {
    const std::size_t page = page_size();
    const auto at = reinterpret_cast<std::uintptr_t>(memory.data());
    const std::size_t skip = (page - at % page) % page;
    if (memory.size() < skip + page) {
        return 0;
    }
    const std::size_t pages = (memory.size() - skip) / page;
    std::vector<unsigned char> there(pages);
    ::mincore(const_cast<std::byte*>(memory.data()) + skip, pages * page, there.data());
    std::size_t count = 0;
    for (const unsigned char one : there) {
        count += one & 1U;
    }
    return count * page;
}

// kernel_marks_guards: whether it makes guards that do not split a mapping (Linux 6.13).
inline bool kernel_marks_guards() {
    void* memory =
        ::mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    // An emulator says yes to whatever it is advised.
    const bool marks =
        ::madvise(memory, page_size(), 102) == 0 && ::madvise(memory, page_size(), 0x7ead) != 0;
    ::munmap(memory, page_size());
    return marks;
}

} // namespace support
