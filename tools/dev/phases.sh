# SPDX-License-Identifier: MIT
# The phases that the commands of ./dev are made of: configure, build, test. Each prints one line, and its whole log
# only when it fails. Sourced by ./dev.

# As many jobs as there are cores, or fewer when asked for.
jobs=$(nproc)
if [[ ${PIRN_JOBS:-} =~ ^[1-9][0-9]*$ ]] && ((PIRN_JOBS < jobs)); then jobs=$PIRN_JOBS; fi

watcher=
stop_watching() {
    [[ -n $watcher ]] || return 0
    { kill "$watcher" && wait "$watcher"; } 2>/dev/null || true
    watcher=
    [[ ! -t 1 ]] || printf '\r\033[K'
}
trap stop_watching EXIT

# phase TITLE COMMAND...: runs it with its output in a log, and prints how long it took. When it fails, it prints the
# log and fails too, which ends the script unless the caller goes on.
phase() {
    local title=$1 log
    log=$(log_of "$1")
    logged "$@" && return
    cat "$log"
    echo "dev: $title failed; the text above is $log" >&2
    return 1
}

log_of() { echo "build/log/${1//[^A-Za-z0-9]/-}.log"; }

# logged TITLE COMMAND...: the same without the log.
logged() {
    local title=$1 log start=$SECONDS status=0
    log=$(log_of "$1")
    shift
    mkdir -p build/log
    : >"$log"
    watch "$title" "$log" &
    watcher=$!
    "$@" >"$log" 2>&1 </dev/null || status=$?
    stop_watching
    ((status)) || printf '  %-28s %5d s\n' "$title" $((SECONDS - start))
    return $status
}

# Shows the last line of the log: on a terminal in place, elsewhere now and then.
watch() {
    local title=$1 log=$2 start=$SECONDS line
    local pause=0.3 format='\r\033[K  %s: %.68s'
    [[ -t 1 ]] || { pause=30 format='  %s: %.68s\n'; }
    # The pause must not hold our output open when we are stopped in it.
    while sleep "$pause" >/dev/null 2>&1; do
        line=$(tail -n 1 "$log" | tr -cd '[:print:]')
        # shellcheck disable=SC2059
        printf "$format" "$title" "$((SECONDS - start)) s  $line"
    done
}

# configure PRESET [-D...] and build PRESET [TARGET...]
configure() { phase "configure $1" cmake --preset "$@"; }
build() {
    local preset=$1
    shift
    phase "build $preset" cmake --build --preset "$preset" --parallel "$jobs" ${1:+--target "$@"}
}

# run_tests PRESET [CTEST ARGUMENTS]: the last lines are ctest's own summary, also in build/log/PRESET-summary.txt.
# A failing test's output stands right above it.
run_tests() {
    local preset=$1
    shift
    ctest_and_report "$preset" ctest --preset "$preset" --parallel $((jobs + 1)) "$@" # some tests only wait
}

# ctest_and_report NAME CTEST...
ctest_and_report() {
    local name=$1 log status=0 results=$PWD/build/log/$1-results
    log=$(log_of "test $name")
    shift
    rm -f "$results.xml" "$results.txt"
    logged "test $name" "$@" --output-junit "$results.xml" --test-output-size-passed 100000000 \
        --test-output-size-failed 100000000 || status=$?
    if [[ ! -e $results.xml ]]; then
        cat "$log"
        echo "dev: test $name: ctest ended with status $status before any test; the text above is $log" >&2
        return 1
    fi
    python3 tools/test_report.py "$results.xml" --lines "$results.txt"
    ((!status)) || echo "dev: test $name failed; its log is $log"
    # Without the list of what was skipped, which is in the results.
    grep -q 'tests passed' "$log" || cat "$log"
    sed -n '/tests passed/,$p' "$log" | sed '/^The following tests did not run/,/^$/d' | tee "build/log/$name-summary.txt"
    return $status
}

# each FUNCTION ITEM...: the function with each item in turn, also when it fails with one; then fails with a list. In
# the function nothing ends the script, so its commands are joined by &&.
each() {
    local function=$1 item failed=()
    shift
    for item in "$@"; do
        "$function" "$item" || failed+=("$item")
    done
    ((!${#failed[@]})) || {
        echo "dev: failed: ${failed[*]}" >&2
        return 1
    }
}
