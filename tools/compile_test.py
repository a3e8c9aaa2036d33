#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the compiler must say about mistakes in a user's program: each marked line of a snippet is warned about, or
refused, and no other line is. And how long it takes for a select of many cases: in proportion to their number.

    tools/compile_test.py [--compiler g++]...

A line that ends in `// !` is the mistake.
"""

import argparse
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent

EVERYTHING = "#include <pirn/pirn.hpp>\n"

# Statements whose result must not be dropped, and some whose result may be.
DROPPED = EVERYTHING + """
using namespace std::chrono_literals;
void spawning(pirn::scheduler& tasks, pirn::spawn_options options, pirn::join_handle<int> (*make)()) {
    pirn::spawn([] {}); // !
    pirn::spawn([](int) {}, 1); // !
    pirn::spawn(options, [] {}); // !
    pirn::spawn(options, [](int) {}, 1); // !
    tasks.spawn([] {}); // !
    tasks.spawn([](int) {}, 1); // !
    tasks.spawn(options, [] {}); // !
    tasks.spawn(options, [](int) {}, 1); // !
    make(); // !
    pirn::spawn([] {}).detach();
    pirn::task_group group;
    group.spawn([](int) {}, 1);
}
void scopes(pirn::cancel_scope& scope, std::vector<int (*)()> functions) {
    scope.run([] {}); // !
    scope.run([] { return 1; }); // !
    pirn::try_with_timeout(1s, [] {}); // !
    pirn::try_with_timeout(pirn::after(1s), [] { return 1; }); // !
    pirn::as_completed(functions); // !
    pirn::with_timeout(1s, [] { return 1; });
}
void trying(pirn::mutex& lock, pirn::shared_mutex& shared, pirn::semaphore& tokens, pirn::latch& latch,
            pirn::auto_event& event, pirn::channel<int>& channel, pirn::oneshot_receiver<int>& receiver,
            pirn::broadcast<int>::subscription& subscription) {
    lock.try_lock(); // !
    shared.try_lock(); // !
    shared.try_lock_shared(); // !
    tokens.try_acquire(); // !
    latch.try_wait(); // !
    event.try_wait(); // !
    channel.try_send(1); // !
    const int value = 1;
    channel.try_send(value); // !
    channel.try_receive(); // !
    receiver.try_receive(); // !
    subscription.try_receive(); // !
    channel.send(1);
}
void streams(pirn::io::byte_stream& stream, pirn::net::tcp_stream& client, pirn::io::file& file,
             pirn::io::signal_set& signals, pirn::io::process& child, pirn::io::notifier& notifier,
             pirn::mutable_bytes into, pirn::bytes from) {
    std::error_code error;
    stream.read(into, error); // !
    stream.write(from, error); // !
    client.read(into, error); // !
    client.write(from, error); // !
    file.read_at(into, 0, error); // !
    file.write_at(from, 0, error); // !
    file.try_lock(); // !
    signals.try_wait(); // !
    child.try_wait(); // !
    notifier.try_wait(); // !
    stream.write_all(from, error);
}
"""

# What would be used after it has ended.
DANGLING = EVERYTHING + """
#include <string>
void cases(pirn::channel<std::string>& strings, pirn::channel<int>& numbers, std::string& kept,
           pirn::watch<int>& watched, pirn::broadcast<int>& all) {
    const auto ignore = [](auto&&...) {};
    auto moved = pirn::on(strings.sending(std::string{"text"}), ignore);
    pirn::select(moved); // !
    pirn::select(std::move(moved)); // !
    auto registration = strings.sending(std::move(kept));
    pirn::on(registration, ignore); // !
    pirn::on(std::move(registration), ignore); // !
    pirn::on(pirn::spawn([] {}), ignore); // !
    pirn::on(watched.subscribe().changing(), ignore); // !
    pirn::on(all.subscribe().receiving(), ignore); // !
    pirn::select(pirn::on(strings.sending(std::move(kept)), ignore));
    pirn::select(pirn::when(true, pirn::on(strings.sending(std::move(kept)), ignore)));
    auto copied = pirn::on(strings.sending(kept), ignore);
    pirn::select(copied);
    auto number = pirn::on(numbers.sending(5), ignore);
    pirn::select(pirn::when(true, number));
    auto subscription = watched.subscribe();
    pirn::select(pirn::on(subscription.changing(), ignore));
}
"""

WITHOUT_EXCEPTIONS = EVERYTHING + "int main() { pirn::run([] {}); }\n"


def lines_named(output, path, kind):
    """The lines of the file that the compiler says this about, itself or as the place that a template was used at."""
    named = set()
    for match in re.finditer(rf"{re.escape(path)}:(\d+):\d+: (?:{kind}|\s*required from here)", output):
        named.add(int(match.group(1)))
    return named


def compile_text(compiler, flags, text, folder, until=("-fsyntax-only",)):
    path = pathlib.Path(folder, "snippet.cpp")
    path.write_text(text)
    done = subprocess.run([compiler, "-std=c++20", *until, f"-I{ROOT / 'include'}", *flags, str(path)],
                          capture_output=True, text=True, check=False)
    return done, str(path)


def compare(compiler, text, flags, kind, folder):
    done, path = compile_text(compiler, flags, text, folder)
    lines = text.split("\n")
    wanted = {number for number, line in enumerate(lines, 1) if line.endswith("// !")}
    found = lines_named(done.stdout + done.stderr, path, kind)
    for number in sorted(wanted - found):
        yield f"{compiler}: says nothing about: {lines[number - 1].strip()}"
    for number in sorted(found - wanted):
        yield f"{compiler}: should accept: {lines[number - 1].strip()}"


def select_of(cases):
    """A program that waits for so many things; each function is of another type."""
    each = ", ".join(f"pirn::on(from.receiving(), [&](std::optional<int>) {{ last = {i}; }})" for i in range(cases))
    return f"""#include <pirn/sync/channel.hpp>
#include <pirn/sync/select.hpp>
void wait(pirn::channel<int>& from, int& last) {{ pirn::select({each}); }}
"""


def seconds_for_select(compiler, cases, folder):
    """The processor time that a select of so many cases takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    # Up to the machine's code: names that hold all the types cost most there.
    done, _ = compile_text(compiler, ["-O1"], select_of(cases), folder, until=("-S", "-o", "/dev/null"))
    if done.returncode != 0:
        raise RuntimeError(f"{compiler}: a select of {cases} cases does not compile:\n{done.stderr[:2000]}")
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def growth_problems(compiler, folder):
    times = {cases: seconds_for_select(compiler, cases, folder) for cases in (100, 200)}
    for cases, seconds in times.items():
        if 2 * cases in times and times[2 * cases] > 2.2 * seconds:
            yield (f"{compiler}: a select of {2 * cases} cases compiles in {times[2 * cases]:.1f} s, one of {cases} in "
                   f"{seconds:.1f} s")


def problems(compiler):
    with tempfile.TemporaryDirectory() as folder:
        yield from compare(compiler, DROPPED, ["-Wunused-result"], "(?:warning|error)", folder)
        yield from compare(compiler, DANGLING, ["-ferror-limit=0"] if "clang" in compiler else [], "(?:fatal )?error",
                           folder)
        for flags in (["-fno-exceptions"], ["-fno-exceptions", "-fno-rtti"]):
            done, _ = compile_text(compiler, flags, WITHOUT_EXCEPTIONS, folder)
            if done.returncode != 0:
                yield f"{compiler} {' '.join(flags)} cannot compile <pirn/pirn.hpp>:\n{done.stderr}"
        yield from growth_problems(compiler, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--compiler", action="append")
    found = [each for compiler in parser.parse_args().compiler or ["c++"] for each in problems(compiler)]
    for each in found:
        print(each)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
