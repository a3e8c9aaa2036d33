# SPDX-License-Identifier: MIT
# The commands of ./dev that build and test on this machine, but for cross and matrix. Sourced by ./dev.

command_run() {
    need "${needs_build[@]}"
    want ccache
    # The first time without tests, so that their libraries need not be there.
    local first=()
    [[ -e build/release/CMakeCache.txt ]] ||
        first=(-DPIRN_BUILD_TESTS=OFF -DPIRN_BUILD_BENCHMARKS=OFF)
    configure release "${first[@]}"
    build release pirn_examples
    build/release/bin/tour "$@"
}

# Everything that has a preset is tested alike; the switches undo what `run` left out. brief=ON: see PIRN_BRIEF.
command_gate() {
    local preset=$1
    shift
    configure "$preset" -DPIRN_BUILD_TESTS=ON -DPIRN_BUILD_EXAMPLES=ON "-DPIRN_BRIEF=${brief:-OFF}"
    build "$preset"
    run_tests "$preset" "$@"
}

# command_test [ROOM...] [--changed [COMMIT]] [--all] [CTEST...]
command_test() {
    need "${needs_test[@]}"
    want ccache libpq-dev libhiredis-dev redis-tools # foreign libraries, and a server; without one its tests are skipped
    local changed room rooms=() targets=() filter=(--label-exclude '^slow$')
    case ${1:-} in
        --changed)
            changed=$(python3 tools/rooms.py --changed "${2:-HEAD}")
            read -ra rooms <<<"$changed"
            shift $(($# > 1 ? 2 : 1))
            if ((!${#rooms[@]})); then
                echo "dev: nothing that has tests differs"
                return
            fi
            ;;
        --all) filter=() && shift ;;
        [a-z]*)
            while [[ ${1:-} == [a-z]* ]]; do rooms+=("$1") && shift; done
            python3 tools/rooms.py "${rooms[@]}" >/dev/null
            ;;
    esac
    configure release -DPIRN_BUILD_TESTS=ON -DPIRN_BUILD_EXAMPLES=ON -DPIRN_BUILD_BENCHMARKS=ON
    if ((${#rooms[@]})); then
        echo "  rooms: ${rooms[*]}"
        for room in "${rooms[@]}"; do targets+=("pirn_${room}_tests"); done
        filter+=(--label-regex "^($(IFS='|' && echo "${rooms[*]}"))$")
    fi
    build release "${targets[@]}"
    run_tests release "${filter[@]}" "$@"
}

# command_flaky [-n TIMES] [--minutes M] [ROOM...]
command_flaky() {
    local options=() rooms=()
    while (($#)); do
        case $1 in
            -n | --minutes)
                [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { echo "dev: $1 wants a number from 1" >&2 && exit 2; }
                options+=("$1" "$2") && shift 2
                ;;
            -*) echo "dev: flaky has no option '$1'; it has -n TIMES and --minutes M" >&2 && exit 2 ;;
            *) rooms+=("$1") && shift ;;
        esac
    done
    need "${needs_test[@]}"
    want ccache
    ((!${#rooms[@]})) || python3 tools/rooms.py "${rooms[@]}" >/dev/null
    configure release -DPIRN_BUILD_TESTS=ON -DPIRN_BUILD_EXAMPLES=ON
    build release
    python3 tools/flaky.py --build build/release "${options[@]}" "${rooms[@]}"
}

# command_fuzz [--seed N | --corpus-only | --keep] [planted] [TARGET...] [SECONDS]
command_fuzz() {
    need "${needs_fuzz[@]}"
    want ccache
    local targets=(pirn_fuzz)
    [[ " $* " != *" planted "* ]] || targets+=(pirn_fuzz_planted)
    configure fuzz
    build fuzz "${targets[@]}"
    python3 tools/fuzz.py --build build/fuzz "$@"
}

# command_soak [--seed N] [MINUTES]
command_soak() {
    need "${needs_build[@]}" python3
    want ccache
    local first=()
    [[ -e build/release/CMakeCache.txt ]] ||
        first=(-DPIRN_BUILD_TESTS=OFF -DPIRN_BUILD_BENCHMARKS=OFF)
    configure release "${first[@]}"
    build release soak
    python3 tools/soak.py --build build/release --plot build/log/soak.svg "$@"
}

command_valgrind() {
    need "${needs_valgrind[@]}"
    want ccache
    configure valgrind
    build valgrind
    run_tests valgrind "$@"
}

command_check() {
    need "${needs_check[@]}"
    local sources
    mapfile -t sources < <(find include src tests bench examples fuzz -name '*.[ch]pp' -o -name '*.[ch]' 2>/dev/null)
    phase "format" clang-format-19 --dry-run -Werror "${sources[@]}"
    phase "rules of the house" python3 tools/tidy.py
    phase "headers one by one" python3 tools/tidy.py --headers --compiler "$(command -v c++)"
    configure lint
    phase "clang-tidy" python3 tools/lint.py --build build/lint --jobs "$jobs"
}

command_docs() {
    need "${needs_build[@]}" python3
    local first=()
    [[ -e build/release/CMakeCache.txt ]] ||
        first=(-DPIRN_BUILD_TESTS=OFF -DPIRN_BUILD_BENCHMARKS=OFF)
    configure release "${first[@]}"
    build release pirn_static
    phase "documents" python3 tools/docs.py --build build/release
}
