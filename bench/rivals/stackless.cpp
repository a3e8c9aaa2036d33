// SPDX-License-Identifier: MIT
//
// The coroutine of the language itself, C++20: no stack, so no way to pause from a function that it calls
// (hence no deep_ns). Its frames come from a list of free ones, as a careful user would arrange it.
#include "measure.hpp"
#include "usage.h"

#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <utility>
#include <vector>

namespace {

volatile long ran;

// Frames that were given back. All coroutines here are about the same size; larger ones go to the heap.
constexpr std::size_t frame_size = 256;
struct free_frame {
    free_frame* next;
};
free_frame* free_frames = nullptr;
rival::block* slots = nullptr; // instead, where each is to lie in a slot of its own

class routine {
  public:
    struct promise_type {
        routine get_return_object() {
            return routine{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { failure = std::current_exception(); }

        static void* operator new(std::size_t size) {
            if (size > frame_size) {
                std::terminate();
            }
            if (slots != nullptr) {
                return slots->take();
            }
            if (free_frames == nullptr) {
                return ::operator new(frame_size);
            }
            return std::exchange(free_frames, free_frames->next);
        }
        static void operator delete(void* memory) {
            if (slots != nullptr) {
                return;
            }
            free_frames = new (memory) free_frame{free_frames};
        }

        std::exception_ptr failure;
    };

    explicit routine(std::coroutine_handle<promise_type> owned) : handle_{owned} {}
    routine(routine&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
    ~routine() {
        if (handle_) {
            handle_.destroy();
        }
    }

    void resume() { handle_.resume(); }

  private:
    std::coroutine_handle<promise_type> handle_;
};

[[gnu::noinline]] routine forever() {
    for (;;) {
        co_await std::suspend_always{};
    }
}

[[gnu::noinline]] routine once() {
    ran = ran + 1;
    co_return;
}

void measure_many(std::size_t count) {
    rival::block memory{count};
    slots = &memory;
    std::vector<routine> all;
    all.reserve(count);
    rival::measure_many(
        "", count, sizeof(routine),
        [&](std::size_t) {
            all.push_back(forever());
            all.back().resume();
        },
        [&](std::size_t i) { all[i].resume(); });
}

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "[--ncoros N]",
                "Nanoseconds of a switch and of a creation: coroutines without stacks (C++20).");
    if (const std::size_t count = rival::asked_for(argc, argv)) {
        measure_many(count);
        return 0;
    }
    routine partner = forever();
    rival::measure("ns", 2, [&](long count) {
        for (long i = 0; i < count; ++i) {
            partner.resume();
        }
    });
    rival::measure("create_ns", 1, [](long count) {
        for (long i = 0; i < count; ++i) {
            once().resume();
        }
    });
}
