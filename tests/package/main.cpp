// SPDX-License-Identifier: MIT
// A stranger's program: uses the installed pirn and prints its version.
#include <pirn/base/error.hpp>
#include <pirn/base/version.hpp>

#include <cerrno>
#include <cstdio>
#include <system_error>

int main() {
    // Something that is compiled into the library, so that it has to be linked.
    try {
        errno = ENOENT;
        pirn::throw_errno("open");
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::no_such_file_or_directory) return 1;
    }
    std::printf("pirn %d.%d.%d\n", PIRN_VERSION_MAJOR, PIRN_VERSION_MINOR, PIRN_VERSION_PATCH);
    return 0;
}
