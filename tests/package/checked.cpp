// SPDX-License-Identifier: MIT
// A stranger's program for valgrind: coroutines on stacks of every kind, and tasks on the given number of threads. Without
// BUG valgrind must report nothing. With it, the report must name the line in this file that says "bug: BUG".
//
//   checked THREADS [uninitialised | invalid-read | leak]
#include <pirn/pirn.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;

void require(bool correct, const char* text) {
    if (!correct) {
        std::fprintf(stderr, "wrong: %s\n", text);
        std::exit(1);
    }
}

// What no compiler may see through.
template <class T>
T hidden(T value) {
    asm volatile("" : "+r"(value) : : "memory");
    return value;
}

[[gnu::noinline]] int descend(pirn::yielder<int>& self, int depth) {
    std::array<int, 40> local{};
    local[static_cast<std::size_t>(depth)] = depth;
    self.yield(depth);
    const int below = depth == 0 ? 0 : descend(self, depth - 1);
    return below + local[static_cast<std::size_t>(depth)];
}

// Stacks that are used again, coroutines within coroutines, and one that is destroyed while it is suspended.
void use_stacks(pirn::coroutine_options options) {
    for (int round = 0; round < 20; ++round) {
        pirn::coroutine<int> outer{options, [](auto& self) {
                                       pirn::coroutine<int> inner{
                                           [](auto& within) { descend(within, 4); }};
                                       self.yield(inner.next());
                                       descend(self, 8);
                                   }};
        require(outer.next() == 4, "a value from a coroutine within another");
        if (round % 2 == 0) {
            for (int expected = 8; expected >= 0; --expected) {
                require(outer.next() == expected, "a value of a coroutine");
            }
            require(!outer.resume(), "the end of a coroutine");
        }
    }
}

void use_coroutines() {
    pirn::mapped_stack_source mapped;
    pirn::slab_stack_source slab{{.stack_size = 16384}};
    pirn::pooled_stack_source pool{mapped};
    pirn::pooled_stack_source wiping{mapped, {.wipe = true}};
    use_stacks({});
    use_stacks({.stacks = &mapped});
    use_stacks({.stack_size = 16384, .stacks = &slab});
    use_stacks({.stacks = &pool});
    use_stacks({.stacks = &wiping});
    static std::array<std::byte, 65536> memory;
    use_stacks({.memory = memory});
    pirn::coroutine<> throws{[](auto& self) {
        self.suspend();
        throw std::runtime_error{"thrown in a coroutine"};
    }};
    throws.resume();
    bool caught = false;
    try {
        throws.resume();
    } catch (const std::runtime_error&) {
        caught = true;
    }
    require(caught, "an exception of a coroutine");
}

void echo() {
    auto listener = pirn::net::tcp_listen("127.0.0.1:0");
    auto server = pirn::spawn([&] {
        auto stream = listener.accept();
        std::array<std::byte, 256> buffer; // not initialised: the kernel writes it
        while (auto count = stream.read(buffer)) {
            stream.write_all(std::span{buffer}.first(count));
        }
    });
    auto stream = pirn::net::tcp_connect(listener.local_address());
    for (int i = 0; i < 20; ++i) {
        std::array<std::byte, 256> sent;
        std::array<std::byte, 256> received;
        sent.fill(static_cast<std::byte>(i));
        stream.write_all(sent);
        for (std::size_t got = 0; got < received.size();) {
            got += stream.read(std::span{received}.subspan(got));
        }
        require(received == sent, "an echo");
    }
    stream.shutdown_write();
    server.join();
}

void use_tasks() {
    pirn::channel<int> numbers{4};
    pirn::task_group group;
    for (int sender = 0; sender < 4; ++sender) {
        group.spawn([&] {
            for (int i = 0; i < 25; ++i) {
                numbers.send(i);
                pirn::yield_now();
            }
        });
    }
    int sum = 0;
    for (int i = 0; i < 100; ++i) {
        sum += *numbers.receive();
    }
    require(sum == 4 * 300, "the sum of what a channel carried");
    for (int i = 0; i < 50; ++i) {
        group.spawn([] { pirn::sleep_for(1ms); });
    }
    group.wait();
    require(pirn::blocking([] { return 7; }) == 7, "the result of a call that blocks");
    require(!pirn::try_with_timeout(1ms, [] { pirn::sleep_for(1h); }), "a timeout");
    require(pirn::io::run_process({"echo", "child"}).output == "child\n", "a child process");
    echo();
}

[[gnu::noinline]] bool is_seven() {
    int local; // not initialised: that is the bug
    return *hidden(&local) == 7;
}

void plant(std::string_view bug) {
    pirn::yield_now();
    if (bug == "uninitialised") {
        if (hidden(is_seven())) { // bug: uninitialised
            std::puts("seven");
        }
    } else if (bug == "invalid-read") {
        auto numbers = std::make_unique<std::array<int, 4>>();
        const int* const gone = hidden(numbers->data());
        numbers.reset();
        pirn::yield_now();
        std::printf("%d\n", *gone); // bug: invalid-read
    } else if (bug == "leak") {
        hidden(new std::array<int, 4>{}); // bug: leak
    }
}

} // namespace

int main(int argc, char** argv) {
    const auto threads = static_cast<unsigned>(std::atoi(argv[1]));
    const std::string_view bug = argc > 2 ? argv[2] : "";
    use_coroutines();
    pirn::run({.threads = threads}, [&] {
        use_tasks();
        pirn::spawn({.worker = threads - 1}, [&] { plant(bug); }).join();
    });
}
