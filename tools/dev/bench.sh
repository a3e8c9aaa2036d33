# SPDX-License-Identifier: MIT
# ./dev bench: the benchmarks, and the rivals beside them. Sourced by ./dev.

command_bench() {
    need "${needs_build[@]}" libbenchmark-dev python3
    want ccache libboost-context1.81-dev libuv1-dev libboost-fiber1.81-dev golang-go # and the rivals
    local room=${1:-} program
    local first=()
    [[ -e build/release/CMakeCache.txt ]] || first=(-DPIRN_BUILD_TESTS=OFF)
    configure release -DPIRN_BUILD_BENCHMARKS=ON "${first[@]}"
    build release pirn_benchmarks
    if [[ -n $room && $room != loop && ! -x build/release/bin/${room}_bench ]]; then
        echo "dev: no benchmarks for '$room'; there are: loop $(bench_rooms)" >&2
        exit 2
    fi
    if [[ -z $room || $room == coro ]]; then
        python3 tools/compare.py --bin build/release/bin
        python3 tools/compare.py --bin build/release/bin --rounds 3 --ncoros 1024,10240,102400,1048576
        python3 tools/compare.py --bin build/release/bin --rounds 1 --ncoros 5242880
    fi
    if [[ -z $room || $room == sched ]]; then
        python3 tools/compare.py --bin build/release/bin --room sched --rounds 3
    fi
    if [[ -z $room || $room == loop ]]; then
        python3 tools/compare.py --bin build/release/bin --room loop
    fi
    if [[ -z $room || $room == loop || $room == net ]]; then
        build release tcp_echo
        python3 tools/compare_echo.py --bin build/release/bin
    fi
    if [[ -z $room ]]; then
        build/release/bin/pirn-bench --context_switch
        build/release/bin/pirn-bench --ncoros 1000000
        build/release/bin/pirn-bench --ncoros 1000000 --guarded
    fi
    for program in build/release/bin/${room:-*}_bench; do
        [[ ! -x $program ]] || "$program"
    done
}

bench_rooms() { (cd build/release/bin && compgen -G '*_bench' | sed 's/_bench$//' | tr '\n' ' '); }
