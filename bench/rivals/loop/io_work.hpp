// SPDX-License-Identifier: MIT
//
// The same IO for all: reads of 4 KiB at random places of a file that is in memory, so that what is measured is the
// way there and back; and a datagram of 64 bytes that goes to and fro between two UDP sockets of one loop.
#pragma once

#include "loop_work.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rival {

inline constexpr std::size_t block = 4096;
inline constexpr std::size_t blocks = 16 * 1024; // 64 MiB
inline constexpr long reads = 100'000;
inline constexpr unsigned deep = 32;
inline constexpr std::size_t datagram = 64;
inline constexpr long round_trips = 50'000;

inline void must(bool holds, const char* what) {
    if (!holds) {
        std::perror(what);
        std::exit(1);
    }
}

// file_in_memory: a file without a name, all of it just written.
inline int file_in_memory() {
    std::array<char, 32> name{"/tmp/pirn-rival-XXXXXX"};
    const int file = ::mkstemp(name.data());
    must(file >= 0, "mkstemp");
    ::unlink(name.data());
    const std::vector<char> mebibyte(1 << 20, 'x');
    for (std::size_t written = 0; written < block * blocks; written += mebibyte.size()) {
        must(::write(file, mebibyte.data(), mebibyte.size()) ==
                 static_cast<ssize_t>(mebibyte.size()),
             "write");
    }
    return file;
}

// next_offset: a place of the file, another one each time and the same ones for all.
inline std::int64_t next_offset() {
    static std::uint32_t state = 2463534242U;
    state ^= state << 13U;
    state ^= state >> 17U;
    state ^= state << 5U;
    return static_cast<std::int64_t>(state % blocks * block);
}

// udp_pair: two sockets on loopback, connected to each other. `flags` are SOCK_NONBLOCK or 0.
inline std::array<int, 2> udp_pair(int flags) {
    std::array<int, 2> both{};
    std::array<sockaddr_in, 2> where{};
    for (std::size_t i = 0; i < 2; ++i) {
        both[i] = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | flags, 0);
        must(both[i] >= 0, "socket");
        where[i].sin_family = AF_INET;
        where[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* const raw = reinterpret_cast<sockaddr*>(&where[i]);
        socklen_t size = sizeof where[i];
        must(::bind(both[i], raw, size) == 0 && ::getsockname(both[i], raw, &size) == 0, "bind");
    }
    for (std::size_t i = 0; i < 2; ++i) {
        must(::connect(both[i], reinterpret_cast<sockaddr*>(&where[1 - i]), sizeof where[0]) == 0,
             "connect");
    }
    return both;
}

} // namespace rival
