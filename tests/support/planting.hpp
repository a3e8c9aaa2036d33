// SPDX-License-Identifier: MIT
//
// A program with bugs in it, one of which is planted by its name: the positive controls of the sanitizers.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace support {

struct bug {
    std::string_view name;
    void (*plant)();
};

// plant: what such a program's main does.
inline int plant(int argc, char** argv, std::span<const bug> bugs) {
    for (const bug& one : bugs) {
        if (argc == 2 && one.name == argv[1]) {
            one.plant();
            std::puts("nothing was reported");
            return EXIT_SUCCESS;
        }
    }
    std::fprintf(stderr, "usage: %s BUG\n", argv[0]);
    return 2;
}

} // namespace support
