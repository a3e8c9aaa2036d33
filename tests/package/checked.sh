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

# under_valgrind ARGUMENTS: what the program and valgrind print; the exit status is 9 if there is a report.
under_valgrind() {
    valgrind --error-exitcode=9 --leak-check=full --num-callers=20 "$work/checked" "$@" 2>&1
}

# reports THREADS BUG TEXT: valgrind says TEXT, and names the line of the bug.
reports() {
    local said status=0 line
    line=$(grep -n "bug: $2\$" "$source/checked.cpp" | cut -d: -f1)
    said=$(under_valgrind "$1" "$2") || status=$?
    ((status == 9)) && grep -q "$3" <<<"$said" && grep -q "checked.cpp:$line)" <<<"$said" && return
    printf '%s with %s threads: no report of line %s:\n%s\n' "$2" "$1" "$line" "$said" >&2
    exit 1
}

for threads in 1 4; do
    said=$(under_valgrind "$threads") || { printf '%s threads:\n%s\n' "$threads" "$said" >&2 && exit 1; }
    grep -q "ERROR SUMMARY: 0 errors" <<<"$said"
    grep -q "client switching stacks" <<<"$said" && { printf 'a stack is not registered:\n%s\n' "$said" >&2 && exit 1; }
    reports "$threads" uninitialised "depends on uninitialised value"
    reports "$threads" invalid-read "Invalid read of size 4"
    reports "$threads" leak "16 bytes in 1 blocks are definitely lost"
done
echo "all bugs were reported, and nothing else"
