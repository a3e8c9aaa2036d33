// SPDX-License-Identifier: MIT
//
// The bridge's girders: for each thread one loop, one scheduler, and the idler that makes the one wait in the other.
//
//   the thread that made it    loop ── scheduler ─┐
//   worker 1                   loop ── scheduler ─┼─ crew
//   worker 2 …                 loop ── scheduler ─┘
//
// A worker's parts belong to its thread: made there, and destroyed there, when all have stopped running.
//
// Shared state: what the workers report while they begin, and what the kernel refuses their loops, under `mutex`; the
// crew's own.
#include <pirn/runtime/runtime.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/loop/test_clock.hpp>
#include <pirn/sched/crew.hpp>

#include "os/processors.hpp"
#include "os/thread.hpp"
#include "runtime/loop_idler.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace pirn {
namespace {

// What a thread needs. The scheduler goes first: its tasks may still have operations in the loop.
struct station {
    using refused = detail::loop_idler::refused;

    station(const runtime_options& options, crew* shares_with, refused call, void* context)
        : runs_on{options.loop}, idles_with{runs_on, options.loop.time != nullptr, call, context},
          tasks{with(options, shares_with), &idles_with} {}

    static scheduler_options with(const runtime_options& options, crew* shares_with) {
        scheduler_options chosen = options.scheduler;
        chosen.crew = shares_with;
        return chosen;
    }

    loop runs_on;
    detail::loop_idler idles_with;
    scheduler tasks;
};

std::size_t threads_of(const runtime_options& options) {
    PIRN_REQUIRE(options.threads <= crew::most_members, "a runtime has at most 256 threads",
                 {"threads", options.threads});
    PIRN_REQUIRE(options.loop.time == nullptr || options.threads == 1,
                 "a test_clock is for one thread", {"threads", options.threads});
    return options.threads != 0
               ? options.threads
               : std::min<std::size_t>(os::available_processors(), crew::most_members);
}

// Tasks go by the clock of their loop.
class by_its_clock {
  public:
    explicit by_its_clock(const runtime_options& of) noexcept
        : before_{detail::tell_time_by(of.loop.time != nullptr ? &of.loop.time->hand() : nullptr)} {
    }
    ~by_its_clock() { detail::tell_time_by(before_); }
    by_its_clock(const by_its_clock&) = delete;
    by_its_clock& operator=(const by_its_clock&) = delete;

  private:
    const time_point* before_;
};

} // namespace

struct runtime::state {
    explicit state(const runtime_options& chosen)
        : options{chosen}, main_name{chosen.main.name}, threads{threads_of(chosen)} {
        options.main.name = main_name;
        options.main.worker = this_worker;
        options.threads = threads;
        if (threads > 1) {
            everybody = std::make_unique<crew>();
            stopped = std::make_unique<std::latch>(static_cast<std::ptrdiff_t>(threads));
        }
        here = std::make_unique<station>(options, everybody.get(), &loop_refused, this);
        try {
            begin_workers();
        } catch (...) {
            end();
            throw;
        }
    }
    ~state() { end(); }
    state(const state&) = delete;
    state& operator=(const state&) = delete;

    void begin_workers() {
        for (std::size_t i = 1; i < threads; ++i) {
            workers.emplace_back([this, i] { work(i); });
        }
        std::unique_lock lock{mutex};
        changed.wait(lock, [this] { return begun + 1 == threads; });
        if (failure) {
            std::rethrow_exception(failure);
        }
    }

    void work(std::size_t number) noexcept {
        os::name_this_thread(("pirn-" + std::to_string(number)).c_str());
        std::unique_ptr<station> mine;
        std::exception_ptr refused;
        try {
            mine = std::make_unique<station>(options, everybody.get(), &loop_refused, this);
        } catch (...) {
            refused = std::current_exception();
        }
        {
            const std::scoped_lock lock{mutex};
            ++begun;
            if (refused) {
                failure = refused;
            }
            changed.notify_all();
        }
        if (mine) {
            mine->tasks.serve();
        }
        stopped->arrive_and_wait(); // nobody takes from a scheduler that is gone
    }

    // loop_refused: the kernel refuses one of the loops to go on: all tasks are asked to stop, and `run` throws in the end.
    static void loop_refused(void* context, std::exception_ptr error) noexcept {
        auto& self = *static_cast<state*>(context);
        {
            const std::scoped_lock lock{self.mutex};
            if (!self.refusal) {
                self.refusal = std::move(error);
            }
        }
        self.here->tasks.request_stop_all(); // of a crew, all of it, from any of its threads
    }

    std::exception_ptr take_refusal() {
        const std::scoped_lock lock{mutex};
        return std::exchange(refusal, nullptr);
    }

    void end() noexcept {
        if (!here) {
            return;
        }
        const by_its_clock ticks{options};
        if (here->tasks.alive() > 0) {
            here->tasks.report_alive();
            here->tasks.request_stop_all();
            here->tasks.run();
        }
        if (everybody != nullptr && stopped != nullptr) {
            everybody->close();
            // Those that could not be begun do not arrive.
            stopped->count_down(static_cast<std::ptrdiff_t>(threads - 1 - workers.size()));
            stopped->arrive_and_wait();
        }
        here.reset();
        workers.clear(); // joins
    }

    runtime_options options;
    std::string main_name; // the options hold only a view
    std::size_t threads;
    std::unique_ptr<crew> everybody; // where there is more than one thread
    std::unique_ptr<std::latch> stopped;
    std::unique_ptr<station> here;
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t begun = 0;
    std::exception_ptr failure;
    std::exception_ptr refusal; // of a loop, and not thrown yet
    std::vector<std::jthread> workers;
};

runtime::runtime(const runtime_options& options) {
    PIRN_REQUIRE(detail::current_task() == nullptr,
                 "pirn::run was called inside a task; call the function itself, or spawn it");
    state_ = std::make_unique<state>(options);
}

runtime::~runtime() = default;

scheduler& runtime::scheduler() noexcept { return state_->here->tasks; }

loop& runtime::loop() noexcept { return state_->here->runs_on; }

const runtime_options& runtime::options() const noexcept { return state_->options; }

void runtime::finish(detail::task& main) {
    const by_its_clock ticks{state_->options};
    state_->here->tasks.run_until_ended(main);
    if (main.failure) {
        state_->here->tasks.request_stop_all();
    }
    state_->here->tasks.run();
    // Instead of what main has thrown, which is the consequence: it was refused too, or asked to stop.
    if (auto refusal = state_->take_refusal()) {
        main.failure = std::move(refusal);
    }
}

std::size_t available_processors() noexcept { return os::available_processors(); }

loop* current_loop_or_null() noexcept {
    const pirn::scheduler* here = pirn::scheduler::current();
    return here != nullptr ? detail::loop_of(here->idles_with()) : nullptr;
}

loop& current_loop() {
    loop* here = current_loop_or_null();
    PIRN_REQUIRE(here != nullptr, "this call needs an event loop: make it inside pirn::run");
    return *here;
}

} // namespace pirn
