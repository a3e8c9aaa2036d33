#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# stranger.sh WAY STAGE WORK VERSION: builds tests/package/main.cpp in the folder WORK against the pirn
# installed in STAGE, by find_package or by pkg-config, static or shared, and runs it.
set -euo pipefail
way=$1 stage=$2 work=$3 version=$4
source=$(dirname "$(readlink -f "$0")")
rm -rf "$work" && mkdir -p "$work"

libdir=$(dirname "$(find "$stage" -name libpirn.a)")
export PKG_CONFIG_PATH=$libdir/pkgconfig

case $way in
    cmake-*)
        [[ $way == *-shared ]] && shared=ON || shared=OFF
        cmake -S "$source" -B "$work" -G Ninja -DCMAKE_PREFIX_PATH="$stage" -DBUILD_SHARED_LIBS=$shared
        cmake --build "$work"
        ;;
    pkgconfig-shared)
        read -ra flags <<<"$(pkg-config --cflags --libs pirn)"
        "$CXX" -std=c++20 "$source/main.cpp" "${flags[@]}" -Wl,-rpath,"$libdir" -o "$work/stranger"
        ;;
    pkgconfig-static)
        # Only the archive may be found, so that what it leaves open must come from --static.
        mkdir "$work/lib" && cp "$libdir/libpirn.a" "$work/lib"
        read -ra flags <<<"$(pkg-config --cflags --libs --static pirn)"
        "$CXX" -std=c++20 "$source/main.cpp" -L"$work/lib" "${flags[@]}" -o "$work/stranger"
        ;;
esac

# What was asked for is what was linked.
libraries=$(ldd "$work/stranger")
[[ $libraries == *libpirn.so* ]] && linked=shared || linked=static
[[ $way == *-$linked ]]

"$work/stranger" | tee "$work/said"
grep -qx "pirn $version" "$work/said"
[[ $(pkg-config --modversion pirn) == "$version" ]]
