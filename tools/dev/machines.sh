# SPDX-License-Identifier: MIT
# ./dev cross and ./dev matrix: the switch on other processors, and compiled in other ways. Sourced by ./dev.

cross_abis=(aarch64 riscv64 armhf i386 ppc64le s390x)

# The Debian package with the compiler for an ABI.
cross_compiler() {
    case $1 in
        armhf) echo g++-arm-linux-gnueabihf ;;
        i386) echo g++-i686-linux-gnu ;;
        ppc64le) echo g++-powerpc64le-linux-gnu ;;
        *) echo "g++-$1-linux-gnu" ;;
    esac
}

# command_cross [--switch] [ABI...]
command_cross() {
    local abi packages=("${needs_cross[@]}")
    cross_targets=() cross_filter=()
    if [[ ${1:-} == --switch ]]; then
        # Above the switch nothing differs by processor; the rest is compiled and tested without this option.
        cross_targets=(pirn_arch_tests pirn_coro_tests) cross_filter=(--label-regex '^(arch|coro)$')
        shift
    fi
    (($#)) || set -- "${cross_abis[@]}"
    for abi in "$@"; do
        if [[ " ${cross_abis[*]} " != *" $abi "* ]]; then
            echo "dev: there are no tests for '$abi'; there are: ${cross_abis[*]}" >&2
            exit 2
        fi
        packages+=("$(cross_compiler "$abi")")
        [[ $abi == i386 ]] || packages+=(qemu-user) # an x86-64 kernel runs i386 by itself
    done
    # Each once, in the order in which they were named.
    mapfile -t packages < <(printf '%s\n' "${packages[@]}" | awk '!seen[$0]++')
    need "${packages[@]}"
    want ccache
    each cross_abi "$@"
}

cross_abi() {
    configure "cross-$1" && build "cross-$1" "${cross_targets[@]}" &&
        run_tests "cross-$1" "${cross_filter[@]}"
}

# What users' builds do to a switch that is inlined into them (hazard 2). Each level once as a program at fixed
# addresses or with -pic, and the most optimised ways with both; a row that is not listed can be asked for.
matrix_rows=(
    gcc-O0-pic gcc-O1 gcc-O2-pic gcc-O3 gcc-O3-lto gcc-O3-lto-pic gcc-O3-native
    clang-O0 clang-O1-pic clang-O2 clang-O3-pic clang-O3-lto clang-O3-lto-pic clang-O3-native-pic
)
matrix_rooms=(arch stack coro sched)

command_matrix() {
    (($#)) || set -- "${matrix_rows[@]}"
    local row
    for row in "$@"; do
        if [[ ! $row =~ ^(gcc|clang)-O[0-3](-lto)?(-native)?(-pic)?$ ]]; then
            echo "dev: '$row' is no row; there are: ${matrix_rows[*]}" >&2
            exit 2
        fi
    done
    need "${needs_test[@]}"
    [[ "$*" != *clang* ]] || need "${needs_clang[@]}"
    want ccache
    each matrix_row "$@"
}

matrix_row() {
    local row=$1 level flags set tools
    level=${row#*-} level=${level%%-*}
    flags=-$level
    case $row in
        gcc*) set=(-DCMAKE_C_COMPILER=gcc -DCMAKE_CXX_COMPILER=g++) tools=gcc ;;
        clang*) set=(-DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19) tools=llvm ;;
    esac
    [[ $row != *-native* ]] || flags+=" -march=native"
    if [[ $row == *-lto* ]]; then
        # Archives of what only this compiler can read want a tool that asks it.
        case $tools in
            gcc) flags+=" -flto=auto" set+=(-DCMAKE_AR="$(command -v gcc-ar)" -DCMAKE_RANLIB="$(command -v gcc-ranlib)") ;;
            llvm) flags+=" -flto" set+=(-DCMAKE_AR="$(command -v llvm-ar-19)" -DCMAKE_RANLIB="$(command -v llvm-ranlib-19)") ;;
        esac
    fi
    # Without optimisation with every assertion too, as people debug.
    case $level in
        O0) set+=(-DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="$flags -g") ;;
        *) set+=(-DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="$flags -DNDEBUG") ;;
    esac
    case $row in
        *-pic) set+=(-DPIRN_TEST_AS=shared) ;;
        *) set+=(-DPIRN_TEST_AS=fixed) ;;
    esac
    local targets=("${matrix_rooms[@]/%/_test}")
    [[ $row == *-lto* ]] || targets+=(coro_without_exceptions_test)
    phase "configure $row" cmake -S . -B "build/matrix/$row" -G Ninja -DPIRN_WERROR=ON -DPIRN_INSTALL=OFF \
        -DPIRN_BUILD_TESTS=ON "${set[@]}" &&
        phase "build $row" cmake --build "build/matrix/$row" --parallel "$jobs" --target "${targets[@]}" &&
        ctest_and_report "$row" ctest --test-dir "build/matrix/$row" --output-on-failure --no-tests=error \
            --parallel "$jobs" --label-regex "^($(IFS='|' && echo "${matrix_rooms[*]}"))$" --label-exclude '^slow$'
}
