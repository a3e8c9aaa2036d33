// SPDX-License-Identifier: MIT
//
// The model of sync.cpp: two channels, a mutex, a semaphore, an event and an auto_event, and the tasks that wait for
// them. All waiting is one list in the order in which it began, in which the first that is interested is found: the
// queues of the library are parts of it.
#pragma once

#include "support.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

namespace fuzz {

inline constexpr std::size_t actors = 4;

enum class action : std::uint8_t {
    send,
    receive,
    try_send,
    try_receive,
    close,
    lock,
    try_lock,
    unlock,
    acquire,
    try_acquire,
    release,
    set,
    reset,
    wait,
    set_once,
    reset_once,
    wait_once,
    try_once,
    select,
};
inline constexpr std::size_t actions = static_cast<std::size_t>(action::select) + 1;

struct call {
    action what = action::try_once;
    std::size_t object = 0; // which channel
    int value = 0;          // to send, or how many tokens
    int cases = 0;          // of select: a bit for each interest, and 1 << by_default
};

struct answer {
    enum kind : std::uint8_t { yes, no, value, nothing, cancelled };
    kind what = yes;
    int number = 0;
    int index = 0; // of select's case
    bool operator==(const answer&) const = default;
};

// What a task can wait for. The first six are select's cases.
enum interest : int {
    receives_first,
    receives_second,
    sends_first,
    sends_second,
    awaits_event,
    awaits_once,
    by_default, // select's, when nothing else is ready
    locks,
    acquires,
    interests,
};

class sync_model {
  public:
    sync_model(const std::array<std::size_t, 2>& capacities, std::size_t tokens) : tokens_{tokens} {
        for (std::size_t i = 0; i < channels_.size(); ++i) {
            channels_[i].capacity = capacities[i];
        }
    }

    // allows: whether the call is one that the task may make.
    bool allows(std::size_t who, const call& next) const noexcept {
        return next.what == action::unlock ? owner_ == who
               : next.what == action::lock ? owner_ != who
                                           : true;
    }

    // start: the task makes the call. `late`: its deadline has passed, so that it does not wait.
    void start(std::size_t who, const call& next, bool late);
    // cancel: ends what the task waits for.
    void cancel(std::size_t who);
    // choose: of several ready cases of a select, the one that the library has taken.
    void choose(std::size_t who, const answer& got);
    // agree: the answer is the model's.
    void agree(std::size_t who, const answer& got) const;

    bool waits(std::size_t who) const noexcept {
        return std::ranges::find(waiting_, who) != waiting_.end();
    }
    bool begun(std::size_t who) const noexcept { return tasks_[who].begun; }
    bool undecided(std::size_t who) const noexcept { return tasks_[who].choice != 0; }
    std::size_t channel_size(std::size_t which) const noexcept {
        return channels_[which].values.size();
    }
    bool closed(std::size_t which) const noexcept { return channels_[which].closed; }
    std::size_t tokens() const noexcept { return tokens_; }
    bool event_is_set() const noexcept { return event_; }
    std::optional<std::size_t> owner() const noexcept { return owner_; }

  private:
    struct channel {
        std::size_t capacity = 0;
        std::deque<int> values;
        bool closed = false;
    };
    struct task {
        bool begun = false; // has made a call
        bool selects = false;
        int wants = 0;  // interests, as bits
        int value = 0;  // that it sends
        int choice = 0; // ready cases, of which the library takes one
        answer got;
    };

    static int bit(int which) noexcept { return 1 << which; }
    static int wants_of(const call& next) noexcept;

    std::optional<std::size_t> first_waiting(int which, std::size_t but) const noexcept;
    bool ready(int which, std::size_t who) const noexcept;
    void perform(int which, std::size_t who);
    void end(std::size_t who, int which, answer::kind what, int number = 0);
    void receive(std::size_t which, std::size_t who);
    void send(std::size_t which, std::size_t who);
    void at_once(std::size_t who, const call& next);
    void close(std::size_t which);
    void attempt(std::size_t who, int which);

    std::array<channel, 2> channels_;
    std::optional<std::size_t> owner_; // of the mutex
    std::size_t tokens_;
    bool event_ = false;
    bool once_ = false;
    std::array<task, actors> tasks_;
    std::vector<std::size_t> waiting_; // in the order in which they began
};

// ---------------------------------------------------------------------------------------------------

inline int sync_model::wants_of(const call& next) noexcept {
    const int channel = static_cast<int>(next.object);
    switch (next.what) {
    case action::send: return bit(sends_first + channel);
    case action::receive: return bit(receives_first + channel);
    case action::lock: return bit(locks);
    case action::acquire: return bit(acquires);
    case action::wait: return bit(awaits_event);
    case action::wait_once: return bit(awaits_once);
    case action::select: return next.cases;
    default: return 0;
    }
}

inline std::optional<std::size_t> sync_model::first_waiting(int which,
                                                            std::size_t but) const noexcept {
    for (const std::size_t each : waiting_) {
        if (each != but && (tasks_[each].wants & bit(which)) != 0) {
            return each;
        }
    }
    return {};
}

inline bool sync_model::ready(int which, std::size_t who) const noexcept {
    switch (which) {
    case receives_first:
    case receives_second: {
        const channel& from = channels_[static_cast<std::size_t>(which - receives_first)];
        return !from.values.empty() || from.closed ||
               first_waiting(which - receives_first + sends_first, who).has_value();
    }
    case sends_first:
    case sends_second: {
        const channel& to = channels_[static_cast<std::size_t>(which - sends_first)];
        return to.closed || to.values.size() < to.capacity ||
               first_waiting(which - sends_first + receives_first, who).has_value();
    }
    case awaits_event: return event_;
    case awaits_once: return once_;
    case locks: return !owner_;
    case acquires: return tokens_ > 0;
    default: return false;
    }
}

inline void sync_model::end(std::size_t who, int which, answer::kind what, int number) {
    std::erase(waiting_, who);
    tasks_[who].wants = 0;
    tasks_[who].got = {what, number, tasks_[who].selects ? which : 0};
}

inline void sync_model::receive(std::size_t which, std::size_t who) {
    const int offset = static_cast<int>(which);
    channel& from = channels_[which];
    const auto sender = first_waiting(sends_first + offset, who);
    if (!from.values.empty()) {
        end(who, receives_first + offset, answer::value, from.values.front());
        from.values.pop_front();
        if (sender) {
            from.values.push_back(tasks_[*sender].value);
            end(*sender, sends_first + offset, answer::yes);
        }
    } else if (sender) {
        end(who, receives_first + offset, answer::value, tasks_[*sender].value);
        end(*sender, sends_first + offset, answer::yes);
    } else {
        end(who, receives_first + offset, answer::nothing);
    }
}

inline void sync_model::send(std::size_t which, std::size_t who) {
    const int offset = static_cast<int>(which);
    channel& to = channels_[which];
    if (to.closed) {
        end(who, sends_first + offset, answer::no);
        return;
    }
    if (const auto receiver = first_waiting(receives_first + offset, who)) {
        end(*receiver, receives_first + offset, answer::value, tasks_[who].value);
    } else {
        to.values.push_back(tasks_[who].value);
    }
    end(who, sends_first + offset, answer::yes);
}

inline void sync_model::perform(int which, std::size_t who) {
    switch (which) {
    case receives_first:
    case receives_second: receive(static_cast<std::size_t>(which - receives_first), who); return;
    case sends_first:
    case sends_second: send(static_cast<std::size_t>(which - sends_first), who); return;
    case awaits_once: once_ = false; break;
    case locks: owner_ = who; break;
    case acquires: --tokens_; break;
    default: break;
    }
    end(who, which, answer::yes);
}

inline void sync_model::close(std::size_t which) {
    const int offset = static_cast<int>(which);
    channels_[which].closed = true;
    while (const auto receiver = first_waiting(receives_first + offset, actors)) {
        end(*receiver, receives_first + offset, answer::nothing);
    }
    while (const auto sender = first_waiting(sends_first + offset, actors)) {
        end(*sender, sends_first + offset, answer::no);
    }
}

// A try_ function: done if it is ready.
inline void sync_model::attempt(std::size_t who, int which) {
    if (ready(which, who)) {
        perform(which, who);
        return;
    }
    const bool receives = which == receives_first || which == receives_second;
    tasks_[who].got = {receives ? answer::nothing : answer::no, 0, 0};
}

// What never waits.
inline void sync_model::at_once(std::size_t who, const call& next) {
    const int channel = static_cast<int>(next.object);
    tasks_[who].got = {};
    switch (next.what) {
    case action::try_send: attempt(who, sends_first + channel); break;
    case action::try_receive: attempt(who, receives_first + channel); break;
    case action::try_lock: attempt(who, locks); break;
    case action::try_acquire: attempt(who, acquires); break;
    case action::try_once: attempt(who, awaits_once); break;
    case action::close: close(next.object); break;
    case action::unlock:
        owner_.reset();
        if (const auto first = first_waiting(locks, who)) {
            perform(locks, *first);
        }
        break;
    case action::release:
        tokens_ += static_cast<std::size_t>(next.value);
        for (auto first = first_waiting(acquires, who); first && tokens_ > 0;
             first = first_waiting(acquires, who)) {
            perform(acquires, *first);
        }
        break;
    case action::set:
        event_ = true;
        while (const auto first = first_waiting(awaits_event, who)) {
            perform(awaits_event, *first);
        }
        break;
    case action::reset: event_ = false; break;
    case action::set_once:
        once_ = true;
        if (const auto first = first_waiting(awaits_once, who)) {
            perform(awaits_once, *first);
        }
        break;
    case action::reset_once: once_ = false; break;
    default: break;
    }
}

inline void sync_model::start(std::size_t who, const call& next, bool late) {
    task& self = tasks_[who];
    self.begun = true;
    self.selects = next.what == action::select;
    self.value = next.value;
    const int wants = wants_of(next);
    if (wants == 0) {
        at_once(who, next);
        return;
    }
    int choice = 0;
    for (int which = 0; which < interests; ++which) {
        choice |= (wants & bit(which)) != 0 && ready(which, who) ? bit(which) : 0;
    }
    if (choice != 0) {
        self.choice = choice;
        if (!self.selects) {
            self.choice = 0;
            for (int which = 0; which < interests; ++which) {
                if ((choice & bit(which)) != 0) {
                    perform(which, who);
                }
            }
        }
    } else if ((wants & bit(by_default)) != 0) {
        end(who, by_default, answer::yes);
    } else if (late) {
        self.got = {answer::cancelled, 0, 0};
    } else {
        self.wants = wants;
        waiting_.push_back(who);
    }
}

inline void sync_model::cancel(std::size_t who) {
    std::erase(waiting_, who);
    tasks_[who].wants = 0;
    tasks_[who].got = {answer::cancelled, 0, 0};
}

inline void sync_model::choose(std::size_t who, const answer& got) {
    task& self = tasks_[who];
    require(got.what != answer::cancelled && (self.choice & bit(got.index)) != 0,
            "select takes one of the cases that are ready");
    self.choice = 0;
    perform(got.index, who);
}

inline void sync_model::agree(std::size_t who, const answer& got) const {
    const answer& expected = tasks_[who].got;
    require_equal(static_cast<int>(got.what), static_cast<int>(expected.what),
                  "a call ends as in the model");
    require_equal(got.number, expected.number, "with the same value");
    require_equal(got.index, expected.index, "by the same case");
}

} // namespace fuzz
