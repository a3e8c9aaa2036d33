// SPDX-License-Identifier: MIT
//
// Timers of a loop whose clock is advanced by hand, against a sorted list: each expires exactly at its time, in the order
// of the deadlines, none is lost and none comes twice, with cancellation, withdrawal and new ones in between. And
// sleeping tasks, on a clock that jumps: each wakes at its time to the nanosecond, or when its scope's deadline comes.
//
// Its planted fault: a timer that is far away expires at the beginning of its tick.
#include <pirn/loop/loop.hpp>
#include <pirn/loop/operations.hpp>
#include <pirn/loop/test_clock.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/task_group.hpp>

#include "support.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <vector>

namespace {

using fuzz::choices;
using fuzz::require;
using fuzz::require_equal;
using pirn::time_point;
using std::chrono::nanoseconds;

// A duration of any magnitude up to 2^most_bits ns, and often just beside a power of two, where wheels turn.
nanoseconds some_duration(choices& decides, std::size_t most_bits) {
    const std::size_t bits = decides.below(most_bits + 1);
    if (bits == 0) {
        return nanoseconds{0};
    }
    const auto power = std::int64_t{1} << (bits - 1);
    switch (decides.below(4)) {
    case 0: return nanoseconds{power};
    case 1: return nanoseconds{power - 1};
    case 2: return nanoseconds{power + static_cast<std::int64_t>(decides.below(65536))};
    default: return nanoseconds{power + power / 256 * decides.byte()};
    }
}

// ---- timers of a loop

class timer_model;

struct slot : pirn::timer_operation {
    slot() : timer_operation{pirn::never, &done} {}
    static void done(operation& self) noexcept;

    timer_model* model = nullptr;
    // What the model knows of it.
    time_point expires = pirn::never;
    std::uint64_t number = 0; // of the submit
    bool armed = false;
    bool cancelled = false;
    std::optional<nanoseconds> again; // submitted anew by its completion
};

class timer_model {
  public:
    explicit timer_model(choices& decides) : choices_{decides} {
        for (slot& each : slots_) {
            each.model = this;
        }
    }

    void run() {
        for (int step = 0; step < 64 && !choices_.empty(); ++step) {
            one_step(slots_[choices_.below(slots_.size())]);
            check_next();
        }
        for (slot& each : slots_) {
            each.again.reset();
            withdraw(each);
        }
        turn();
        require_equal(loop_.pending(), std::size_t{0}, "nothing is in flight at the end");
    }

    // completed: what the completion of a timer calls.
    void completed(slot& which) {
        require(which.armed, "a timer completes once, and not after it was withdrawn");
        which.armed = false;
        ++completed_;
        if (which.result() == -ECANCELED) {
            require(which.cancelled, "only what was cancelled says so");
        } else {
            require_equal(which.result(), 0, "an expired timer has the result 0");
            require(which.expires <= clock_.now(), "a timer is never early");
            require(last_expires_ < which.expires ||
                        (last_expires_ == which.expires && last_number_ < which.number),
                    "timers expire in the order of their deadlines, equal ones as submitted");
            last_expires_ = which.expires;
            last_number_ = which.number;
        }
        if (which.again) {
            submit(which, *std::exchange(which.again, std::nullopt));
        }
    }

  private:
    void one_step(slot& which) {
        constexpr std::size_t bits = 57; // some years
        switch (choices_.below(10)) {
        case 0:
        case 1:
        case 2:
            if (!which.armed) {
                submit(which, some_duration(choices_, bits));
                if (choices_.one_in(4)) {
                    which.again = some_duration(choices_, bits);
                }
            }
            break;
        case 3:
            loop_.cancel(which);
            which.cancelled = which.armed;
            break;
        case 4: withdraw(which); break;
        case 5: advance(clock_.now() + some_duration(choices_, bits)); break;
        case 6: advance(which.armed ? which.expires - nanoseconds{1} : clock_.now()); break;
        case 7: advance(which.armed ? which.expires : clock_.now()); break;
        case 8: // one with a deadline that has passed
            if (!which.armed) {
                submit(which, -some_duration(choices_, 20));
            }
            break;
        default: turn(); break;
        }
    }

    void submit(slot& which, nanoseconds delay) {
        which.expires = std::max(clock_.now() + delay, time_point{});
        which.number = ++number_;
        which.armed = true;
        which.cancelled = false;
        which.deadline = which.expires;
        if constexpr (fuzz::planted) {
            constexpr std::int64_t tick = 1 << 16;
            if (delay > std::chrono::hours{1}) {
                const std::int64_t count = which.expires.time_since_epoch().count();
                which.deadline = time_point{nanoseconds{count / tick * tick}}; // the fault
            }
        }
        loop_.submit(which);
    }

    void withdraw(slot& which) {
        loop_.withdraw(which);
        which.armed = false;
    }

    void advance(time_point then) {
        clock_.advance_to(std::max(then, clock_.now()));
        turn();
    }

    // One run of the loop completes all that is due or cancelled, and nothing else.
    void turn() {
        const auto expected =
            static_cast<std::size_t>(std::ranges::count_if(slots_, [&](const slot& each) {
                return each.armed && (each.cancelled || each.expires <= clock_.now());
            }));
        completed_ = 0;
        last_expires_ = time_point::min();
        last_number_ = 0;
        const std::size_t delivered = loop_.run(pirn::run_mode::nowait);
        require_equal(delivered, completed_, "run says how many it has delivered");
        require_equal(completed_, expected, "a run completes what is due, and nothing else");
    }

    void check_next() {
        time_point nearest = pirn::never;
        bool something = false;
        for (const slot& each : slots_) {
            something = something || (each.armed && each.cancelled);
            nearest = each.armed ? std::min(nearest, each.expires) : nearest;
        }
        const time_point next = loop_.next_deadline();
        if (something || nearest <= clock_.now()) {
            require(next <= clock_.now(), "there is something to do now");
        } else {
            // It may be earlier, where a nearer one was withdrawn.
            require(next <= nearest, "a foreign loop does not sleep over a deadline");
        }
    }

    choices& choices_;
    pirn::test_clock clock_{pirn::when_idle::stands, time_point{std::chrono::hours{1}}};
    pirn::loop loop_{pirn::loop_options{.backend = pirn::backend_kind::epoll, .time = &clock_}};
    std::array<slot, 8> slots_;
    std::uint64_t number_ = 0;
    std::size_t completed_ = 0;
    time_point last_expires_;
    std::uint64_t last_number_ = 0;
};

void slot::done(operation& self) noexcept {
    auto& which = static_cast<slot&>(self);
    which.model->completed(which);
}

// ---- sleeping tasks

// What one task does: sleeps, each with the deadline of a scope around it, or none.
struct sleeper {
    explicit sleeper(choices& decides) {
        for (std::size_t i = decides.between(1, 5); i > 0; --i) {
            sleeps.push_back(some_duration(decides, 30));
            limits.push_back(decides.one_in(3) ? some_duration(decides, 30) : nanoseconds::max());
        }
    }
    std::vector<nanoseconds> sleeps;
    std::vector<nanoseconds> limits;
};

class sleepers_model {
  public:
    void sleep_all(const sleeper& who) {
        for (std::size_t i = 0; i < who.sleeps.size(); ++i) {
            sleep_once(who.sleeps[i], who.limits[i]);
        }
    }

  private:
    void sleep_once(nanoseconds length, nanoseconds limit) {
        const time_point began = pirn::now();
        const time_point wakes = began + length;
        pirn::cancel_scope scope{pirn::after(limit)};
        const bool slept = scope.run([&] { pirn::sleep_until(wakes); });
        if (length == limit) {
            return; // either is right
        }
        require_equal(slept, length < limit, "a sleep is cut short by the nearer deadline");
        const nanoseconds passed = pirn::now() - began;
        require_equal(passed.count(), std::min(length, limit).count(),
                      "a task wakes at its time to the nanosecond");
        if (slept && length > nanoseconds{0}) {
            // Of equal ones the one that fell asleep first, which the order of the calls does not say: a task may have to
            // let others run before it sleeps.
            require(last_wakes_ <= wakes, "tasks wake in the order of their times");
            last_wakes_ = wakes;
        }
    }

    time_point last_wakes_ = time_point::min();
};

void check_sleepers(choices& decides) {
    std::vector<sleeper> all;
    for (std::size_t i = decides.between(1, 6); i > 0; --i) {
        all.emplace_back(decides);
    }
    fuzz::on_a_test_clock([&] {
        sleepers_model model;
        pirn::task_group group;
        for (const sleeper& each : all) {
            group.spawn([&] { model.sleep_all(each); });
        }
        group.wait();
    });
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    choices decides{data, size};
    if (decides.below(4) == 3) {
        check_sleepers(decides);
    } else {
        const pirn::live_counts before = pirn::live();
        timer_model{decides}.run();
        require(pirn::live() == before, "no timer is left");
    }
    return 0;
}
