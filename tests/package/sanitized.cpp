// SPDX-License-Identifier: MIT
// A stranger's program that is compiled with a sanitizer, against an installed pirn that was not: switches of every
// kind, exceptions, stacks that are used again, work on other threads, and sockets. Right is no report.
//
//   sanitized          prints "nothing was reported"
//   sanitized crew     tasks on two threads, of which ThreadSanitizer must be told by a library compiled for it
#include <pirn/pirn.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

namespace {

void require(bool what, const char* text) {
    if (!what) {
        std::fprintf(stderr, "wrong: %s\n", text);
        std::exit(1);
    }
}

// Locals with red zones around them on each level, and a value that the heap owns.
[[gnu::noinline]] int descend(pirn::yielder<int>& self, int depth) {
    std::array<int, 40> local{};
    const auto owned = std::make_unique<int>(depth);
    for (std::size_t i = 0; i < local.size(); ++i) {
        local[i] = static_cast<int>(i);
    }
    if (depth > 0) {
        descend(self, depth - 1);
    }
    int value = *owned;
    self.yield(value);
    return local[39] + *owned;
}

void coroutines() {
    for (int round = 0; round < 200; ++round) {
        pirn::coroutine<int> deep{[](auto& self) { descend(self, 8); }};
        for (int expected = 0; expected <= 8; ++expected) {
            require(deep.next() == expected, "a value of a coroutine");
        }
        require(!deep.resume(), "the end of a coroutine");
    }
    for (int round = 0; round < 200;
         ++round) { // destroyed while suspended, and from within another
        pirn::coroutine<int> outer{[](auto& self) {
            pirn::coroutine<> inner{[&](auto&) { descend(self, 4); }};
            inner.resume();
        }};
        outer.resume();
    }
    int caught = 0;
    for (int round = 0; round < 200; ++round) {
        pirn::coroutine<> throws{[](auto& self) {
            try {
                throw std::runtime_error{"first"};
            } catch (const std::runtime_error&) {
                self.suspend();
            }
            throw std::runtime_error{"second"};
        }};
        throws.resume();
        try {
            throws.resume();
        } catch (const std::runtime_error&) {
            ++caught;
        }
    }
    require(caught == 200, "exceptions of coroutines");
    pirn::coroutine<int> moves{[](auto& self) { descend(self, 8); }};
    moves.resume();
    std::thread{[&] { moves.resume(); }}.join();
    moves.resume();
}

void tasks() {
    pirn::run([] {
        pirn::channel<int> numbers{4};
        pirn::task_group all;
        all.spawn([&] {
            for (int i = 0; i < 1000; ++i) {
                numbers.send(i);
            }
            numbers.close();
        });
        long sum = 0;
        while (auto number = numbers.receive()) {
            sum += *number;
        }
        require(sum == 499'500, "the sum of what a channel carried");
        for (int i = 0; i < 100; ++i) {
            all.spawn([] { pirn::sleep_for(std::chrono::milliseconds{1}); });
        }
        all.wait();
        auto never = pirn::spawn([] { pirn::sleep_for(std::chrono::hours{1}); });
        pirn::yield_now();
        never.request_stop();
        try {
            never.get();
            require(false, "a task that was asked to stop");
        } catch (const pirn::cancelled&) {
        }
        std::vector<int> filled;
        for (int i = 0; i < 20; ++i) { // on other threads, and back
            pirn::blocking([&] { filled.push_back(i); });
        }
        require(filled.size() == 20, "calls that block");
    });
}

void sockets() {
    pirn::run([] {
        auto listener = pirn::net::tcp_listen("127.0.0.1:0");
        auto server = pirn::spawn([&] {
            auto stream = listener.accept();
            std::array<std::byte, 256> buffer{};
            while (auto count = stream.read(buffer)) {
                stream.write_all(std::span{buffer}.first(count));
            }
        });
        auto stream = pirn::net::tcp_connect(listener.local_address());
        std::array<std::byte, 256> buffer{};
        for (int i = 0; i < 200; ++i) {
            buffer.fill(static_cast<std::byte>(i));
            stream.write_all(buffer);
            std::array<std::byte, 256> answer{};
            std::size_t got = 0;
            while (got < answer.size()) {
                got += stream.read(std::span{answer}.subspan(got));
            }
            require(answer == buffer, "an echo");
        }
        stream.shutdown_write();
        server.join();
    });
}

void crew() {
    pirn::run({.threads = 2}, [] {
        pirn::task_group all;
        for (int i = 0; i < 200; ++i) {
            all.spawn([] { pirn::yield_now(); });
        }
        all.wait();
    });
}

} // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::string_view{argv[1]} == "crew") {
        crew();
    } else {
        coroutines();
        tasks();
        sockets();
    }
    std::puts("nothing was reported");
}
