// SPDX-License-Identifier: MIT
//
// Coroutines and generators, made, resumed, moved, swapped and destroyed in any order, against a model that has read the
// same script: what each resume yields, what it injects, which exception comes out, that a suspension inside of a
// catch block keeps its exception, and that what stands on a stack is destroyed exactly once.
//
// Its planted fault: after a move, the first injected value is that of the resume before.
#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/generator.hpp>

#include "support.hpp"

#include <array>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace {

using fuzz::choices;
using fuzz::require;
using fuzz::require_equal;

using subject = pirn::coroutine<int, int, int>;

// What a coroutine does, one after the other.
enum class act : std::uint8_t {
    yield,       // gives its sum
    deep_yield,  // from further down the stack
    catch_yield, // in a catch block
    inner,       // resumes a coroutine of its own, once
    fail,        // throws its sum, and ends
};

struct step {
    act what = act::yield;
    int number = 0;
};

using script = std::vector<step>;

// guards: how many objects stand on stacks of coroutines.
int guards = 0;

struct guard {
    guard() { ++guards; }
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    ~guard() { --guards; }
};

// An inner coroutine that yields without an end, each time what it was given before plus one.
subject make_inner(int first) {
    return subject{[first](auto& self) {
        const guard here;
        int next = first;
        for (;;) {
            next = self.yield(next + 1);
        }
        return 0;
    }};
}

template <class Yielder>
[[gnu::noinline]] int yield_from_below(Yielder& self, int value, int depth) {
    const guard here;
    std::array<volatile char, 64> used{};
    used[0] = static_cast<char>(depth);
    return depth == 0 ? self.yield(value)
                      : yield_from_below(self, value, depth - 1) + used[0] - depth;
}

template <class Yielder>
int yield_in_handler(Yielder& self, int value) {
    try {
        throw value;
    } catch (const int& caught) {
        const guard here;
        const int injected = self.yield(caught);
        require_equal(caught, value, "the exception of a catch block stays over a suspension");
        try {
            throw;
        } catch (const int& again) {
            require_equal(again, value, "and can be thrown again");
        }
        return injected;
    }
}

int play(auto& self, const script& steps) {
    const guard here;
    std::optional<subject> inner;
    int sum = 0;
    for (const step& each : steps) {
        sum += each.number;
        switch (each.what) {
        case act::yield: sum += self.yield(sum); break;
        case act::deep_yield: sum += yield_from_below(self, sum, each.number % 8); break;
        case act::catch_yield: sum += yield_in_handler(self, sum); break;
        case act::inner:
            if (!inner) {
                inner.emplace(make_inner(each.number));
                require(inner->resume(), "an inner coroutine yields");
                sum += inner->value();
            } else {
                require(inner->resume(each.number), "an inner coroutine yields again");
                sum += inner->value();
            }
            break;
        case act::fail: throw sum;
        }
        require_equal(std::uncaught_exceptions(), 0, "no exception of another stack is seen here");
    }
    return sum;
}

// model: the same script, without a stack.
class model {
  public:
    explicit model(script steps) : steps_{std::move(steps)} {}

    enum class outcome : std::uint8_t { yielded, returned, failed };

    // resume: goes on to the next suspension; `value()` says what came out.
    outcome resume(int injected) {
        if (started_) {
            sum_ += injected;
        }
        started_ = true;
        while (at_ < steps_.size()) {
            const step& each = steps_[at_++];
            sum_ += each.number;
            switch (each.what) {
            case act::yield:
            case act::deep_yield:
            case act::catch_yield: return outcome::yielded;
            case act::inner:
                sum_ += each.number + 1; // both the first time and later
                break;
            case act::fail: return end(outcome::failed);
            }
        }
        return end(outcome::returned);
    }

    int value() const noexcept { return sum_; }
    bool started() const noexcept { return started_; }
    bool done() const noexcept { return done_; }

  private:
    outcome end(outcome how) {
        done_ = true;
        return how;
    }

    script steps_;
    std::size_t at_ = 0;
    int sum_ = 0;
    bool started_ = false;
    bool done_ = false;
};

struct slot {
    std::unique_ptr<script> steps; // which the coroutine reads
    std::optional<subject> real;
    std::optional<model> expected;
    bool moved = false;
    int injected_before = 0;
};

int injected_under_test(slot& which, int injected) {
    if (fuzz::planted && which.moved) {
        injected = which.injected_before; // the fault
    }
    which.moved = false;
    which.injected_before = injected;
    return injected;
}

class machine {
  public:
    explicit machine(choices& decides) : choices_{decides} {}

    void run() {
        for (int count = 0; count < 64 && !choices_.empty(); ++count) {
            one_step(slots_[choices_.below(slots_.size())]);
            for (const slot& each : slots_) {
                check_status(each);
            }
        }
        for (slot& each : slots_) {
            each = slot{};
        }
        require_equal(guards, 0, "what stands on stacks is destroyed with them");
    }

  private:
    void one_step(slot& which) {
        switch (choices_.below(8)) {
        case 0:
        case 1: make(which); break;
        case 2:
        case 3:
        case 4: resume(which); break;
        case 5: which = slot{}; break;
        case 6: move_to(which, slots_[choices_.below(slots_.size())]); break;
        default: generate(); break;
        }
    }

    script some_script() {
        script steps(choices_.below(8));
        for (step& each : steps) {
            constexpr std::array acts{act::yield, act::deep_yield, act::catch_yield, act::inner,
                                      act::yield, act::deep_yield, act::inner,       act::fail};
            each = {acts[choices_.below(acts.size())], static_cast<int>(choices_.below(16))};
        }
        return steps;
    }

    void make(slot& which) {
        script steps = some_script();
        which.real.reset();
        which = slot{};
        which.steps = std::make_unique<script>(steps);
        which.expected.emplace(std::move(steps));
        which.real.emplace([steps = which.steps.get()](auto& self) { return play(self, *steps); });
    }

    void resume(slot& which) {
        if (!which.real || which.expected->done()) {
            return;
        }
        const int injected = static_cast<int>(choices_.below(16));
        const bool starts =
            !which.expected->started(); // there is no yield yet that could return a value
        const auto expected = which.expected->resume(injected);
        try {
            const bool yielded = starts ? which.real->resume()
                                        : which.real->resume(injected_under_test(which, injected));
            require_equal(yielded, expected == model::outcome::yielded,
                          "a coroutine yields, or ends, as in the model");
            require_equal(yielded ? which.real->value() : which.real->result(),
                          which.expected->value(), "what comes out is the model's");
        } catch (const int& failed) {
            require(expected == model::outcome::failed, "a coroutine fails as in the model");
            require_equal(failed, which.expected->value(), "with the same exception");
        }
    }

    static void move_to(slot& from, slot& to) {
        if (&from == &to) {
            return;
        }
        if (from.real && to.real) {
            *to.real = std::move(*from.real); // what was there is unwound
            require(from.real->done(), "what was moved from is done");
            from.real.reset();
        } else {
            to.real = std::exchange(from.real, std::nullopt);
        }
        to.steps = std::move(from.steps);
        to.expected = std::exchange(from.expected, std::nullopt);
        to.injected_before = from.injected_before;
        to.moved = to.expected && to.expected->started();
        from = slot{};
    }

    // A range of which a part is taken.
    void generate() {
        const int count = static_cast<int>(choices_.below(8));
        const int wanted = static_cast<int>(choices_.below(8));
        const bool fails = choices_.flag();
        pirn::generator<int> numbers{[count, fails](auto& yield) {
            const guard here;
            for (int i = 0; i < count; ++i) {
                int value = i * i;
                yield(value);
            }
            if (fails) {
                throw count;
            }
        }};
        int seen = 0;
        bool failed = false;
        if (wanted > 0) {
            try {
                for (const int& value : numbers) {
                    require_equal(value, seen * seen, "a generator gives its values in order");
                    if (++seen == wanted) {
                        break;
                    }
                }
            } catch (const int& thrown) {
                failed = true;
                require_equal(thrown, count, "what a generator throws comes out of the loop");
            }
        }
        require_equal(seen, std::min(count, wanted), "a generator gives as many as it has");
        require_equal(failed, fails && wanted > count, "and fails behind the last");
    }

    static void check_status(const slot& which) {
        if (!which.real) {
            return;
        }
        const auto status = which.real->status();
        require_equal(status == pirn::coroutine_status::done, which.expected->done(),
                      "a coroutine is done when the model is");
        require_equal(status == pirn::coroutine_status::start, !which.expected->started(),
                      "a coroutine is at its start until it is resumed");
    }

    choices& choices_;
    std::array<slot, 6> slots_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    choices decides{data, size};
    const pirn::live_counts before = pirn::live();
    machine{decides}.run();
    require(pirn::live() == before, "no coroutine is left");
    return 0;
}
