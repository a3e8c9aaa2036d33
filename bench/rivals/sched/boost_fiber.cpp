// SPDX-License-Identifier: MIT
//
// Boost.Fiber: round robin on one thread, its own work sharing on two; pooled stacks. What is measured is in
// sched_work.hpp. It has no select.
#include "../usage.h"
#include "sched_work.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <latch>
#include <mutex>
#include <thread>

#include <boost/fiber/all.hpp>

namespace fibers = boost::fibers;

namespace {

// A pool of stacks for each thread would be freed on the wrong one: one for all, and only where all is on one thread.
thread_local fibers::pooled_fixedsize_stack* pool = nullptr;

template <class Function>
auto spawn(Function function) {
    using result = std::invoke_result_t<Function>;
    fibers::packaged_task<result()> task{std::move(function)};
    auto answer = task.get_future();
    if (pool != nullptr) {
        fibers::fiber{std::allocator_arg, *pool, std::move(task)}.detach();
    } else {
        fibers::fiber{std::move(task)}.detach();
    }
    return answer;
}

int fib(int n) {
    if (n < 2) {
        return n;
    }
    auto one = spawn([n] { return fib(n - 1); });
    const int other = fib(n - 2);
    return one.get() + other;
}

long sky(long first, long size) {
    if (size == 1) {
        return first;
    }
    std::array<fibers::future<long>, 10> parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const long begin = first + static_cast<long>(i) * (size / 10);
        parts[i] = spawn([begin, size] { return sky(begin, size / 10); });
    }
    long sum = 0;
    for (auto& each : parts) {
        sum += each.get();
    }
    return sum;
}

// On one thread with a pool; on two with Boost.Fiber's shared queue.
template <class Function>
void run_on(int threads, Function function) {
    if (threads == 1) {
        fibers::pooled_fixedsize_stack stacks;
        pool = &stacks;
        std::thread one{[&] {
            pool = &stacks;
            function();
            pool = nullptr;
        }};
        one.join();
        pool = nullptr;
        return;
    }
    std::atomic<bool> over{false};
    const auto share = [] { fibers::use_scheduling_algorithm<fibers::algo::shared_work>(); };
    std::thread other{[&] {
        share();
        while (!over.load(std::memory_order_relaxed)) {
            boost::this_fiber::yield();
        }
    }};
    std::thread one{[&] {
        share();
        function();
        over = true;
    }};
    one.join();
    other.join();
}

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "Nanoseconds of what tasks do with each other: Boost.Fiber.");
    using rival::handoffs;
    const auto two = [](auto does) {
        run_on(1, [&] {
            auto first = spawn([&] { does(0); });
            auto second = spawn([&] { does(1); });
            first.get();
            second.get();
        });
    };
    rival::once("yield_ns", 2L * handoffs, [&] {
        two([](int) {
            for (int i = 0; i < handoffs; ++i) {
                boost::this_fiber::yield();
            }
        });
    });
    rival::once("spawn_join_ns", handoffs, [] {
        run_on(1, [] {
            for (int i = 0; i < handoffs; ++i) {
                fibers::fiber{std::allocator_arg, *pool, [] {}}.join();
            }
        });
    });
    rival::once("channel_ns", handoffs, [&] {
        fibers::unbuffered_channel<int> values;
        two([&values](int which) {
            if (which == 0) {
                for (int i = 0; i < handoffs; ++i) {
                    values.push(i);
                }
                values.close();
            } else {
                int value = 0;
                while (values.pop(value) == fibers::channel_op_status::success) {
                }
            }
        });
    });
    rival::once("cross_ns", rival::cross_handoffs, [] {
        fibers::unbuffered_channel<int> values;
        std::thread one{[&values] {
            for (int i = 0; i < rival::cross_handoffs; ++i) {
                values.push(i);
            }
            values.close();
        }};
        int value = 0;
        while (values.pop(value) == fibers::channel_op_status::success) {
        }
        one.join();
    });
    rival::once("mutex_ns", 2L * handoffs, [&] {
        fibers::mutex guard;
        two([&guard](int) {
            for (int i = 0; i < handoffs; ++i) {
                const std::scoped_lock held{guard};
                boost::this_fiber::yield();
            }
        });
    });
    rival::once("fib_1_ns", rival::fib_tasks, [] { run_on(1, [] { fib(rival::fib_of); }); });
    rival::once("sky_1_ns", rival::sky_tasks, [] { run_on(1, [] { sky(0, rival::sky_leaves); }); });
}
