// SPDX-License-Identifier: MIT
//
// Channels, without their element's type. The invariants are in channel_core.hpp.
#include <pirn/base/assert.hpp>
#include <pirn/sync/channel_core.hpp>

namespace pirn::detail {

namespace {

constexpr wait_kind for_room{"a receiver, or room in a channel"};
constexpr wait_kind for_value{"a value from a channel"};

} // namespace

bool channel_core::send(void* value) {
    checkpoint();
    for (;;) {
        outcome got = outcome::none;
        {
            woken wake;
            holding held{guard_};
            got = send_now(value, wake);
            if (got == outcome::none) {
                lone_wait me{guard_, senders_};
                me.kind = &for_room;
                me.slot = value;
                senders_.push(me);
                held.release();
                got = me.sleep_or_throw();
            }
        }
        if (got != outcome::again) {
            return got == outcome::done;
        }
    }
}

bool channel_core::receive(void* received) {
    checkpoint();
    for (;;) {
        outcome got = outcome::none;
        {
            woken wake;
            holding held{guard_};
            got = receive_now(received, wake);
            if (got == outcome::none) {
                lone_wait me{guard_, receivers_};
                me.kind = &for_value;
                me.slot = received;
                receivers_.push(me);
                held.release();
                got = me.sleep_or_throw();
            }
        }
        if (got != outcome::again) {
            return got == outcome::done;
        }
    }
}

outcome channel_core::try_send(void* value) {
    woken wake;
    const holding held{guard_};
    return send_now(value, wake);
}

outcome channel_core::try_receive(void* received) {
    woken wake;
    const holding held{guard_};
    return receive_now(received, wake);
}

// send_now: with the lock held.
outcome channel_core::send_now(void* value, woken& wake) {
    if (closed_) {
        return outcome::closed;
    }
    if (place* const receiver = receivers_.take()) {
        try {
            values_.holds().hand(receiver->slot, value);
        } catch (...) {
            // A select has been won and cannot be put back: it is to look again.
            if (receiver->part_of == nullptr) {
                receivers_.push_first(*receiver);
            } else {
                wake.add(*receiver, outcome::again);
            }
            throw;
        }
        wake.add(*receiver);
        return outcome::done;
    }
    if (values_.size() >= capacity_) {
        return outcome::none;
    }
    values_.push(value);
    return outcome::done;
}

// receive_now: with the lock held.
outcome channel_core::receive_now(void* received, woken& wake) {
    if (values_.size() > 0) {
        values_.pop(received);
        refill(wake);
        return outcome::done;
    }
    if (place* const sender = senders_.take()) {
        try {
            values_.holds().hand(received, sender->slot);
        } catch (...) {
            if (sender->part_of == nullptr) {
                senders_.push_first(*sender);
            } else {
                wake.add(*sender, outcome::again);
            }
            throw;
        }
        wake.add(*sender);
        return outcome::done;
    }
    return closed_ ? outcome::closed : outcome::none;
}

// refill: lets senders put their values where there is room now. With the lock held.
void channel_core::refill(woken& wake) noexcept {
    while (values_.size() < capacity_) {
        place* const sender = senders_.take();
        if (sender == nullptr) {
            return;
        }
        try {
            values_.push(sender->slot);
            wake.add(*sender);
        } catch (...) {
            wake.add(*sender, outcome::again); // it tries itself, and sees what goes wrong
        }
    }
}

void channel_core::close() noexcept {
    woken wake;
    const holding held{guard_};
    closed_ = true;
    wake.add_all(receivers_, outcome::closed);
    wake.add_all(senders_, outcome::closed);
}

channel_core::channel_core(const element_type& holds, std::size_t capacity) noexcept
    : capacity_{capacity}, values_{holds, capacity} {}

channel_core::~channel_core() {
    const holding held{guard_};
    PIRN_REQUIRE(senders_.empty() && receivers_.empty(),
                 "a channel was destroyed while somebody waits at it");
}

bool channel_core::closed() const noexcept {
    const holding held{guard_};
    return closed_;
}

std::size_t channel_core::size() const noexcept {
    const holding held{guard_};
    return values_.size();
}

channel_core::send_case::send_case(channel_core& which, void* value) noexcept : core{which} {
    guard = &which.guard_;
    queue = &which.senders_;
    slot = value;
}

outcome channel_core::send_case::attempt(woken& wake) { return core.send_now(slot, wake); }

channel_core::receive_case::receive_case(channel_core& which, void* received) noexcept
    : core{which} {
    guard = &which.guard_;
    queue = &which.receivers_;
    slot = received;
}

outcome channel_core::receive_case::attempt(woken& wake) { return core.receive_now(slot, wake); }

} // namespace pirn::detail
