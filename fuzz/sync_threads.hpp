// SPDX-License-Identifier: MIT
//
// The part of sync.cpp that runs on several threads. The order is free there, so what is checked is what holds in each:
// every value arrives once, those of one sender in their order, one task at a time has the mutex, no more have a
// token than there are, and all come to their end. Each task makes its choices by a seed of its own.
#pragma once

#include <pirn/scope/task_group.hpp>
#include <pirn/scope/timeout.hpp>
#include <pirn/sync/channel.hpp>
#include <pirn/sync/mutex.hpp>
#include <pirn/sync/select.hpp>
#include <pirn/sync/semaphore.hpp>

#include "support.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace fuzz {

// seeded: a generator of choices (xorshift by Marsaglia, 2003).
class seeded {
  public:
    explicit seeded(std::uint64_t seed) : state_{seed * 2 + 1} {}
    std::size_t below(std::size_t count) noexcept {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<std::size_t>(state_ >> 11) % count;
    }

  private:
    std::uint64_t state_;
};

class sync_on_threads {
  public:
    explicit sync_on_threads(choices& decides)
        : values_{decides.below(4)}, tokens_max_{decides.between(1, 2)}, tokens_{tokens_max_},
          each_sends_{decides.below(12)}, senders_(decides.between(1, 3)),
          receivers_(decides.between(1, 3)), migratable_{decides.flag()} {
        for (auto* side : {&senders_, &receivers_}) {
            for (std::uint64_t& seed : *side) {
                seed = decides.below(65536);
            }
        }
    }

    // Suspends.
    void run() {
        pirn::task_group receivers;
        for (const std::uint64_t seed : receivers_) {
            receivers.spawn({.migratable = migratable_}, [this, seed] { receive_all(seed); });
        }
        {
            pirn::task_group senders;
            for (std::size_t i = 0; i < senders_.size(); ++i) {
                senders.spawn({.migratable = migratable_}, [this, i] { send_all(i); });
            }
            senders.wait();
        }
        values_.close();
        receivers.wait();
        require_equal(got_.size(), senders_.size() * each_sends_, "every value arrives once");
        std::ranges::sort(got_);
        require(std::ranges::adjacent_find(got_) == got_.end(), "and none twice");
        require_equal(tokens_.available(), tokens_max_, "every token was given back");
    }

  private:
    static constexpr std::size_t number_of_sender = 1000; // values of the others lie apart

    void send_all(std::size_t sender) {
        seeded decides{senders_[sender]};
        for (std::size_t i = 0; i < each_sends_;) {
            disturb(decides);
            const auto value = static_cast<int>(sender * number_of_sender + i);
            bool done = false;
            // Cancelled it has sent nothing, so it is tried again.
            const auto wait = std::chrono::microseconds{decides.below(4) * 20};
            switch (decides.below(4)) {
            case 0: done = values_.try_send(value); break;
            case 1:
                done = pirn::try_with_timeout(wait, [&] {
                           return values_.send(value);
                       }).value_or(false);
                break;
            case 2:
                pirn::select(pirn::on(values_.sending(value), [&](bool sent) { done = sent; }),
                             pirn::on(pirn::after(wait), [] {}));
                break;
            default: done = values_.send(value); break;
            }
            if (done) {
                ++i;
            } else {
                pirn::yield_now();
            }
        }
    }

    void receive_all(std::uint64_t seed) {
        seeded decides{seed};
        std::array<int, 8> last{};
        last.fill(-1);
        for (;;) {
            disturb(decides);
            std::optional<int> value;
            bool answered = true;
            const auto wait = std::chrono::microseconds{decides.below(4) * 20};
            switch (decides.below(3)) {
            case 0:
                if (auto got = pirn::try_with_timeout(wait, [&] { return values_.receive(); })) {
                    value = *got;
                } else {
                    answered = false;
                }
                break;
            case 1:
                pirn::select(
                    pirn::on(values_.receiving(), [&](std::optional<int> got) { value = got; }),
                    pirn::on(pirn::after(wait), [&] { answered = false; }));
                break;
            default: value = values_.receive(); break;
            }
            if (!answered) {
                continue;
            }
            if (!value) {
                return; // closed and empty
            }
            int& before = last[static_cast<std::size_t>(*value) / number_of_sender];
            require(*value > before, "the values of one sender are received in their order");
            before = *value;
            const std::scoped_lock lock{mutex_};
            enter_alone();
            got_.push_back(*value);
            alone_.store(false);
        }
    }

    // Takes what others want too.
    void disturb(seeded& decides) {
        switch (decides.below(6)) {
        case 0: {
            const std::scoped_lock lock{mutex_};
            enter_alone();
            pirn::yield_now();
            alone_.store(false);
            break;
        }
        case 1:
            tokens_.acquire();
            require(holders_.fetch_add(1) < static_cast<int>(tokens_max_),
                    "no more have a token than there are");
            pirn::yield_now();
            holders_.fetch_sub(1);
            tokens_.release();
            break;
        case 2: pirn::yield_now(); break;
        default: break;
        }
    }

    void enter_alone() { require(!alone_.exchange(true), "one task at a time has the mutex"); }

    pirn::channel<int> values_;
    std::size_t tokens_max_;
    pirn::semaphore tokens_;
    std::size_t each_sends_;
    std::vector<std::uint64_t> senders_; // their seeds
    std::vector<std::uint64_t> receivers_;
    bool migratable_;
    pirn::mutex mutex_;
    std::vector<int> got_; // under the mutex
    std::atomic<bool> alone_{false};
    std::atomic<int> holders_{0};
};

inline void check_sync_on_threads(choices& decides) {
    sync_on_threads all{decides};
    on_threads([&] { all.run(); });
}

} // namespace fuzz
