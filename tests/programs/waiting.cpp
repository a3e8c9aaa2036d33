// SPDX-License-Identifier: MIT
//
// A process for a debugger: coroutines on stacks of every source, suspended at known places, and one that runs.
//
//   waiting            says "ready" from within the coroutine "running", and waits there for a signal
//   waiting abort      ends there by SIGABRT, for a core file
#include <pirn/pirn.hpp>
#include <pirn/stack/slab.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include <unistd.h>

namespace {

#define NOT_INLINED [[gnu::noinline]]

NOT_INLINED void ties_a_knot(pirn::yielder<int>& self, int depth) {
    volatile int on_the_stack = depth;
    self.yield(depth);
    std::printf("%d\n", on_the_stack);
}

NOT_INLINED void winds(pirn::yielder<int>& self, int depth) {
    volatile int on_the_stack = depth;
    if (depth == 0) {
        ties_a_knot(self, 42);
    } else {
        winds(self, depth - 1);
    }
    std::printf("%d\n", on_the_stack);
}

const auto winding = [](pirn::yielder<int>& self) { winds(self, 3); };

NOT_INLINED void is_resumed_within(pirn::yielder<int>& outer) {
    pirn::coroutine<> inner{pirn::coroutine_options{.name = "inner"}, [&] { winds(outer, 1); }};
    inner.resume();
    std::puts("inner has ended");
}

NOT_INLINED void stays_here(bool abort) {
    std::puts("ready");
    std::fflush(stdout);
    abort ? std::abort() : static_cast<void>(::pause());
    std::puts("went on");
}

NOT_INLINED void resumes_the_runner(bool abort) {
    pirn::coroutine<> runner{pirn::coroutine_options{.name = "running"},
                             [&] { stays_here(abort); }};
    runner.resume();
    std::puts("the runner has ended");
}

alignas(64) std::array<std::byte, std::size_t{4} * 16384> slots;
alignas(64) std::array<std::byte, 16384> piece;
pirn::coroutine<int>* volatile of_the_caller = nullptr;

} // namespace

int main(int argc, char** argv) {
    const bool abort = argc == 2 && std::string_view{argv[1]} == "abort";
    pirn::mapped_stack_source mapped;
    pirn::pooled_stack_source pooled{mapped};
    pirn::fixed_stack_source fixed{slots, 16384};
    pirn::slab_stack_source slab{{.stack_size = 16384, .max_stacks = 1'000'000}};
    pirn::slab_stack_source small{{.stack_size = 16384, .guard_size = 0}};
    const auto on = [](pirn::stack_source& source, std::string_view name) {
        return pirn::coroutine_options{.name = name, .stack_size = 16384, .stacks = &source};
    };

    std::vector<pirn::coroutine<int>> waiting;
    waiting.emplace_back(on(mapped, "on mapped"), winding);
    waiting.emplace_back(on(pooled, "on pooled"), winding);
    waiting.emplace_back(on(fixed, "on fixed"), winding);
    waiting.emplace_back(on(slab, "on slab"), winding);
    waiting.emplace_back(on(small, "on small"), winding);
    waiting.emplace_back(pirn::coroutine_options{.name = "on the default"}, winding);
    waiting.emplace_back(pirn::coroutine_options{.name = "from within"}, is_resumed_within);
    for (pirn::coroutine<int>& one : waiting) {
        one.resume();
    }
    waiting.emplace_back(on(slab, "not started"), winding);
    { // these are gone, and must not be seen
        pirn::coroutine<int> dropped{on(slab, "dropped"), winding};
        pirn::coroutine<int> unwound{on(small, "unwound"), winding};
        // One for each task below: the second one has no name, and must not be called by this.
        pirn::coroutine<int> shelved{pirn::coroutine_options{.name = "shelved"}, winding};
        pirn::coroutine<int> beside{pirn::coroutine_options{.name = "beside"}, winding};
        unwound.resume();
    }
    pirn::coroutine<int> callers{
        pirn::coroutine_options{.name = "on the caller's", .memory = piece}, winding};
    callers.resume();
    of_the_caller = &callers;

    pirn::scheduler tasks;
    auto parked = tasks.spawn(pirn::spawn_options{.name = "a task"}, [] {
        pirn::yield_now();
        std::puts("the task has ended");
    });
    tasks.spawn([&] { resumes_the_runner(abort); }).join();
    return EXIT_SUCCESS;
}
