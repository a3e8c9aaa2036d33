#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# overflow.sh WAY STAGE WORK: builds tests/package/overflow.cpp against the pirn installed in STAGE, by find_package or
# by pkg-config, runs it, and looks for the report of an overflow that names the coroutine.
set -euo pipefail
way=$1 stage=$2 work=$3
source=$(dirname "$(readlink -f "$0")")
rm -rf "$work" && mkdir -p "$work"

case $way in
    cmake-shared)
        cmake -S "$source" -B "$work" -G Ninja -DCMAKE_PREFIX_PATH="$stage" -DBUILD_SHARED_LIBS=ON
        cmake --build "$work" --target overflow
        ;;
    pkgconfig-static)
        libdir=$(dirname "$(find "$stage" -name libpirn.a)")
        mkdir "$work/lib" && cp "$libdir/libpirn.a" "$work/lib"
        read -ra flags <<<"$(PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --cflags --libs --static pirn)"
        "$CXX" -std=c++20 "$source/overflow.cpp" -L"$work/lib" "${flags[@]}" -o "$work/overflow"
        ;;
esac

ulimit -c 0
said=$("$work/overflow" 2>&1) && { echo "the program did not end by its overflow" >&2 && exit 1; }
echo "$said"
grep -q 'hungry' <<<"$said" && grep -q 'overflow' <<<"$said"
