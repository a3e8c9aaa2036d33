// SPDX-License-Identifier: MIT
//
// A function that can pause: two coroutines take turns, and a third one is talked to. No scheduler, no
// event loop; who resumes whom is up to main.
#include <pirn/base/live.hpp>
#include <pirn/coro/coroutine.hpp>

#include "command_line.hpp"

#include <cstdio>
#include <string>
#include <vector>

namespace {

// An ordinary function, called by the coroutine: it may pause the coroutine from any depth.
void recite(const std::vector<std::string>& lines, auto& self) {
    for (const std::string& line : lines) {
        std::printf("  %-6s %s\n", (std::string{self.name()} + ":").c_str(), line.c_str());
        self.suspend();
    }
}

void take_turns() {
    pirn::coroutine<> warp{{.name = "warp"}, [](auto& self) { recite({"over", "over"}, self); }};
    pirn::coroutine<> weft{{.name = "weft"}, [](auto& self) { recite({"under", "under"}, self); }};
    while (warp.resume() && weft.resume()) {
    }
}

// What goes in and out has types: each resume hands in a string and gets the length so far, and in the
// end there is an average.
void talk() {
    pirn::coroutine<std::size_t, std::string, double> average{
        [](auto& self, int words) {
            std::size_t total = 0;
            for (int i = 0; i < words; ++i) total += self.yield(total).size();
            return static_cast<double>(total) / words;
        },
        3};
    average.next(); // runs to the first yield
    std::printf("  after \"spindle\": %zu letters\n", average.next(std::string{"spindle"}));
    std::printf("  after \"shuttle\": %zu letters\n", average.next(std::string{"shuttle"}));
    std::printf("  after \"pirn\": %.1f letters a word\n", average.finish(std::string{"pirn"}));
}

// Destroying a coroutine that is paused runs the destructors on its stack.
void leave_early() {
    struct guest {
        ~guest() { std::puts("  the guest has left"); }
    };
    pirn::coroutine<> party{[](auto& self) {
        const guest somebody;
        for (;;) self.suspend();
    }};
    party.resume();
    std::puts("  the party is over");
}

} // namespace

int main(int argc, char** argv) {
    example::no_options(
        argc, argv,
        "Coroutines that take turns, talk, and are destroyed while they are suspended.");
    std::puts("Two coroutines take turns:");
    take_turns();
    std::puts("One is talked to:");
    talk();
    std::puts("One is destroyed while it is paused:");
    leave_early();
    std::puts(pirn::to_string(pirn::live()).c_str());
}
