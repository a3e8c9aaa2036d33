#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# sanitized.sh COMPILER SANITIZER STAGE WORK: builds programs with -fsanitize=SANITIZER against the pirn that is
# installed in STAGE and knows of no sanitizer. A program without bugs must run without a report, one with a planted
# bug must be reported. Both libraries, the static and the shared one.
set -euo pipefail
compiler=$1 sanitizer=$2 stage=$3 work=$4
source=$(dirname "$(readlink -f "$0")")
rm -rf "$work" && mkdir -p "$work"

libdir=$(dirname "$(find "$stage" -name libpirn.a)")
export PKG_CONFIG_PATH=$libdir/pkgconfig
read -ra cflags <<<"$(pkg-config --cflags pirn)"
read -ra libs <<<"$(pkg-config --libs --static pirn)"
options=(-std=c++20 -O1 -g "-fsanitize=$sanitizer" -fno-omit-frame-pointer)
[[ $sanitizer != undefined ]] || options+=(-fno-sanitize-recover=all)

"$compiler" "${options[@]}" "${cflags[@]}" -c "$source/sanitized.cpp" -o "$work/sanitized.o"
"$compiler" "${options[@]}" "${cflags[@]}" -I"$source/.." -c "$source/../coro/planted.cpp" -o "$work/planted.o"
mkdir "$work/lib" && cp "$libdir/libpirn.a" "$work/lib"
for name in sanitized planted; do
    "$compiler" "${options[@]}" "$work/$name.o" -L"$work/lib" "${libs[@]}" -o "$work/$name-static"
    "$compiler" "${options[@]}" "$work/$name.o" -L"$libdir" -lpirn -Wl,-rpath,"$libdir" -o "$work/$name-shared"
done

export ASAN_OPTIONS=detect_stack_use_after_return=1 TSAN_OPTIONS=halt_on_error=1

# reports PROGRAM BUG TEXT: the planted bug is found.
reports() {
    local said
    said=$("$1" "$2" 2>&1) && { echo "$1 $2: nothing was reported" >&2 && exit 1; }
    grep -q "$3" <<<"$said" || { printf '%s %s: not the report of the bug:\n%s\n' "$1" "$2" "$said" >&2 && exit 1; }
}

for kind in static shared; do
    "$work/sanitized-$kind" | grep -qx "nothing was reported"
    PIRN_BACKEND=epoll "$work/sanitized-$kind" | grep -qx "nothing was reported"
    planted=$work/planted-$kind
    case $sanitizer in
        address)
            "$work/sanitized-$kind" crew | grep -qx "nothing was reported"
            reports "$planted" heap-use-after-free "AddressSanitizer: heap-use-after-free"
            reports "$planted" stack-buffer-overflow "AddressSanitizer: stack-buffer-overflow"
            reports "$planted" stack-use-after-return "AddressSanitizer: stack-use-after-return"
            ;;
        thread)
            # What it cannot do, it says, and what to do instead.
            reports "$work/sanitized-$kind" crew "configure pirn with -DPIRN_SANITIZE=thread"
            reports "$planted" data-race "ThreadSanitizer: data race"
            reports "$planted" migration-without-order "ThreadSanitizer: data race"
            ;;
        undefined)
            "$work/sanitized-$kind" crew | grep -qx "nothing was reported"
            reports "$planted" signed-overflow "runtime error: signed integer overflow"
            ;;
    esac
done
