// SPDX-License-Identifier: MIT
//
// Scopes with deadlines and shields, groups of tasks, errors and cancellation, nested in any way, on a test clock, against
// a model that says of each statement at which nanosecond it ends, and how: see scopes_model.hpp. An eighth of the inputs
// runs on several threads, where the order is free: see scopes_threads.hpp.
//
// Its planted fault: a shield inside of two other scopes or groups holds off its own deadline too.
#include "scopes_model.hpp"
#include "scopes_player.hpp"
#include "scopes_threads.hpp"
#include "support.hpp"

#include <array>
#include <cstdio>
#include <vector>

namespace {

using fuzz::choices;
using fuzz::node;
using fuzz::outcome;
using fuzz::require;

void describe(const std::vector<node>& body, const fuzz::outcomes& got,
              const fuzz::outcomes& expected, int indent) {
    constexpr std::array names{"sleep", "scope", "group", "swallow", "cancel", "fail"};
    for (const node& each : body) {
        std::fprintf(
            stderr, "%*s%s #%zu lasts %lld%s target %zu: got %d at %lld, expected %d at %lld\n",
            indent, "", names[static_cast<std::size_t>(each.what)], each.id,
            static_cast<long long>(each.lasts), each.shield ? " shield" : "", each.target,
            static_cast<int>(got[each.id].how), static_cast<long long>(got[each.id].at),
            static_cast<int>(expected[each.id].how), static_cast<long long>(expected[each.id].at));
        for (const auto& task : each.tasks) {
            std::fprintf(stderr, "%*stask\n", indent + 2, "");
            describe(task, got, expected, indent + 4);
        }
        describe(each.body, got, expected, indent + 2);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    choices decides{data, size};
    const bool on_threads = decides.one_in(8);
    const std::vector<node> program = fuzz::program_maker{decides}.make();
    if (on_threads) {
        fuzz::check_scopes_on_threads(program);
        return 0;
    }
    fuzz::scopes_model model;
    const outcome expected = model.walk(program);
    fuzz::on_a_test_clock([&] {
        fuzz::player real;
        const outcome got = real.play(program);
        if (real.all() != model.all() || !(got == expected)) {
            describe(program, real.all(), model.all(), 0);
        }
        require(real.all() == model.all(), "each statement ends when and how the model says");
        require(got == expected, "and so does the program");
    });
    return 0;
}
