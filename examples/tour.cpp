// SPDX-License-Identifier: MIT
//
// A tour of pirn in about 20 seconds: what a switch costs, a million coroutines, ten thousand timers, and
// ten thousand connections at once. Every stop is checked, not only timed.
#include <pirn/pirn.hpp>

#include "command_line.hpp"
#include "tour_stops.hpp"

#include <cstdio>
#include <string>
#include <vector>

namespace {

struct row {
    const char* what;
    tour::finding found;
};

void print_line(const std::string& what, const std::string& measured, const std::string& checked) {
    std::printf("  %-25s  %-43s  %s\n", what.c_str(), measured.c_str(), checked.c_str());
}

void print_table(const std::vector<row>& rows) {
    std::puts("");
    print_line("what", "measured", "checked");
    print_line(std::string(25, '-'), std::string(43, '-'), std::string(20, '-'));
    for (const auto& [what, found] : rows) print_line(what, found.measured, found.checked);
}

} // namespace

int main(int argc, char** argv) try {
    example::no_options(
        argc, argv,
        "A tour in about 20 seconds: switches, a million coroutines, timers, connections.");
    std::puts(
        "A tour of pirn: stackful coroutines for C++20, and IO that reads as if it blocked.\n");
    std::vector<row> rows;
    const auto visit = [&rows](const char* what, const char* story, auto stop) {
        std::printf("[%zu/4] %s\n", rows.size() + 1, story);
        std::fflush(stdout);
        rows.push_back({what, stop()});
    };
    visit("context switch", "Main and a coroutine bounce 20 million times ...", tour::bounce);
    visit("a million coroutines", "A million coroutines, resumed in turn ...", tour::million);
    visit("ten thousand timers", "Ten thousand tasks sleep for up to a second ...", tour::timers);
    visit("ten thousand connections", "10,000 clients talk to an echo server at once ...",
          tour::connections);
    print_table(rows);

    bool all_right = true;
    for (const row& one : rows) all_right = all_right && one.found.right;
    std::puts(all_right ? "\nEverything checked was right. Where to go next:"
                        : "\nSomething was NOT right: see the last column.");
    std::puts("  examples/hello_coroutine.cpp   a function that can pause\n"
              "  examples/tcp_echo.cpp          the server of the last stop\n"
              "  docs/start.md                  your first program, step by step\n"
              "  ./dev bench                    the figures, beside those of others");
    std::puts(pirn::to_string(pirn::live()).c_str());
    return all_right ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "tour: %s\n", error.what());
    return 1;
}
