# SPDX-License-Identifier: MIT
# Runs commands of ./dev one after the other as gates, each with its seconds. Sourced by .ci/run and by ./dev.

gate_rows=()
gates_failed=()
gates_began=$SECONDS

# gate COMMAND [ARGUMENTS]: fails when the command does; its summary stays the last line then.
gate() {
    local start=$SECONDS status=0 row
    echo "== ./dev $*"
    ./dev "$@" || status=$?
    row=$(printf '  %-40s %6d s' "./dev $*" $((SECONDS - start)))
    if ((status)); then
        gates_failed+=("$*")
        row+="  FAILED"
    else
        echo "$row"
    fi
    gate_rows+=("$row")
    return $status
}

gates_seconds() { echo $((SECONDS - gates_began)); }

# gates_table: a line for each gate so far, and their sum.
gates_table() {
    printf '%s\n' "${gate_rows[@]}"
    printf '  %-40s %6d s\n' "sum" "$(gates_seconds)"
}

# compiler_cache_report LOG: what share of the files was found in the compiler's cache, from the log of CCACHE_STATSLOG.
compiler_cache_report() {
    local hits misses
    [[ -e $1 ]] || { echo "  compiler cache: none" && return; }
    hits=$(grep -cE '^(direct|preprocessed)_cache_hit$' "$1" || true)
    misses=$(grep -c '^cache_miss$' "$1" || true)
    ((hits + misses)) || { echo "  compiler cache: nothing was compiled" && return; }
    echo "  compiler cache: $((100 * hits / (hits + misses))) % of $((hits + misses)) files were there"
}

release_gates=(
    check docs "test --all" debug asan-ubsan "tsan --all" clang asan ubsan ucontext "cross" valgrind matrix
    "fuzz planted" "fuzz 3600" soak "flaky -n 20 --minutes 30" bench
)

# command_release [--keep-going] [--from COMMAND]: every gate that there is, the cheapest first.
command_release() {
    local keep_going=false from="" command words
    while (($#)); do
        case $1 in
            --keep-going) keep_going=true ;;
            --from) from=${2:?dev: --from wants the name of a gate} && shift ;;
            *) echo "dev: release has no option '$1'; it has --keep-going and --from COMMAND" >&2 && exit 2 ;;
        esac
        shift
    done
    if [[ -n $from && " ${release_gates[*]} " != *" $from "* ]]; then
        echo "dev: '$from' is no gate; there are: ${release_gates[*]%% *}" >&2
        exit 2
    fi
    for command in "${release_gates[@]}"; do
        read -ra words <<<"$command"
        [[ -z $from || ${words[0]} == "$from" ]] || continue
        from=""
        gate "${words[@]}" || $keep_going || break
    done
    gates_table
    ((!${#gates_failed[@]})) || {
        printf 'dev: failed: %s\n' "${gates_failed[@]}" >&2
        return 1
    }
}
