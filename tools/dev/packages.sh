# SPDX-License-Identifier: MIT
# What each command of ./dev needs, by the names of Debian's packages, and how it is installed. Sourced by ./dev.

needs_build=(g++ cmake ninja-build pkg-config liburing-dev)
needs_test=("${needs_build[@]}" gcc git libgtest-dev libbenchmark-dev python3 socat netcat-openbsd strace gdb wrk)
needs_valgrind=("${needs_build[@]}" libgtest-dev python3 valgrind)
needs_clang=("${needs_test[@]}" clang-19)
needs_sanitizer=("${needs_clang[@]}" libclang-rt-19-dev llvm-19)
needs_fuzz=("${needs_build[@]}" python3 clang-19 libclang-rt-19-dev llvm-19)
needs_cross=(cmake ninja-build python3 googletest) # and for each ABI a compiler and what runs it
needs_check=("${needs_clang[@]}" clang-format-19 clang-tidy-19)

# have PACKAGE: asks for the thing and not for the package, so that other systems and other ways to install pass.
have() {
    case $1 in
        g++) command -v c++ ;;
        ninja-build) command -v ninja ;;
        netcat-openbsd) command -v nc ;;
        llvm-19) command -v llvm-symbolizer-19 ;;
        liburing-dev) have_header liburing.h ;;
        valgrind) command -v valgrind ;;
        libgtest-dev) have_header gtest/gtest.h ;;
        libbenchmark-dev) have_header benchmark/benchmark.h ;;
        googletest) test -e /usr/src/googletest/CMakeLists.txt ;;
        g++-*-linux-gnu*) command -v "${1#g++-}-g++" ;;
        qemu-user) command -v qemu-aarch64 ;;
        libboost-context1.81-dev) have_header boost/context/fiber.hpp ;;
        libuv1-dev) have_header uv.h ;;
        libpq-dev) have_header libpq-fe.h || pkg-config --exists libpq ;;
        libhiredis-dev) have_header hiredis/hiredis.h ;;
        redis-tools) command -v redis-server || command -v redis-check-rdb ;;
        libclang-rt-19-dev) compgen -G "$(clang-19 -print-resource-dir)/lib/linux/libclang_rt.tsan*" ;;
        *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

have_header() { c++ -E -x c++ - <<<"#include <$1>"; }

# need PACKAGE...: installs what is missing; where it may not, says what to type and ends the script.
need() {
    local package missing=()
    for package in "$@"; do have "$package" || missing+=("$package"); done
    ((${#missing[@]})) || return 0

    local install=(apt-get install --yes --no-install-recommends "${missing[@]}")
    if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
        {
            echo "dev: these Debian packages, or what they provide, are missing. Please type:"
            echo "    sudo apt-get update && sudo ${install[*]}"
        } >&2
        exit 1
    fi
    phase "install packages" apt_install "${install[@]}"
}

# want PACKAGE...: installs what would be nice to have where that takes no question; goes on without it otherwise.
want() {
    local package
    for package in "$@"; do
        if ! have "$package" && [[ $(id -u) == 0 ]] && apt-cache show "$package" >/dev/null 2>&1; then
            phase "install $package" apt_install apt-get install --yes --no-install-recommends "$package" ||
                echo "dev: going on without $package" >&2
        fi
    done
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null && "$@" && return
    # No lists at all, or lists so old that the archive has moved on.
    apt-get update && "$@"
}
