#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# checked.sh STAGE WORK: builds tests/package/checked.cpp against the ordinary pirn that is installed in STAGE, and runs
# it under valgrind. Without a bug there must be no report, with a planted one a report that names its line.
set -euo pipefail
stage=$1 work=$2
source=$(dirname "$(readlink -f "$0")")
rm -rf "$work" && mkdir -p "$work"

cmake -S "$source" -B "$work" -G Ninja -DCMAKE_PREFIX_PATH="$stage" -DCMAKE_CXX_FLAGS="-O1 -g"
cmake --build "$work" --target checked

# under_valgrind LEAKS ARGUMENTS: what the program and valgrind print; the exit status is 9 if there is a report. The search
# for leaks (full, or no) looks through whole blocks of stacks, and takes five times as long as all else.
under_valgrind() {
    valgrind --error-exitcode=9 --leak-check="$1" --num-callers=20 "$work/checked" "${@:2}" 2>&1
}

# is_clean LEAKS THREADS: valgrind reports nothing.
is_clean() {
    local said
    said=$(under_valgrind "$1" "$2") || { printf '%s threads:\n%s\n' "$2" "$said" >&2 && exit 1; }
    grep -q "ERROR SUMMARY: 0 errors" <<<"$said"
    grep -q "client switching stacks" <<<"$said" && { printf 'a stack is not registered:\n%s\n' "$said" >&2 && exit 1; }
    return 0
}

# reports LEAKS THREADS BUG TEXT: valgrind says TEXT, and names the line of the bug.
reports() {
    local said status=0 line
    line=$(grep -n "bug: $3\$" "$source/checked.cpp" | cut -d: -f1)
    said=$(under_valgrind "$1" "$2" "$3") || status=$?
    ((status == 9)) && grep -q "$4" <<<"$said" && grep -q "checked.cpp:$line)" <<<"$said" && return
    printf '%s with %s threads: no report of line %s:\n%s\n' "$3" "$2" "$line" "$said" >&2
    exit 1
}

is_clean no 1
is_clean full 4
for threads in 1 4; do
    reports no "$threads" uninitialised "depends on uninitialised value"
    reports no "$threads" invalid-read "Invalid read of size 4"
done
reports full 4 leak "16 bytes in 1 blocks are definitely lost"
echo "all bugs were reported, and nothing else"
