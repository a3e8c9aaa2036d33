// SPDX-License-Identifier: MIT
//
// A context with a stack of its own, for tests of the bare switch: what a coroutine is made of, without
// the coroutine. The sanitizers and valgrind are told what the room above tells them.
#pragma once

#include <pirn/arch/context.hpp>

#include "arch/annotate.hpp"
#include "base/valgrind.hpp"
#include "support/stacks.hpp"

#include <cstddef>
#include <span>

class side {
  public:
    explicit side(pirn::arch::entry_function entry, std::size_t size = std::size_t{64} * 1024)
        : size_{size}, memory_{size + pirn::detail::stack_number_size} {
        if (pirn::detail::under_valgrind()) {
            pirn::detail::register_stack(stack().data(), stack().data() + size);
        }
        pirn::arch::prepare(context, stack(), entry);
    }
    ~side() {
        pirn::arch::annotate_destroy(note_);
        if (pirn::detail::under_valgrind()) {
            pirn::detail::deregister_stack(stack().data(), stack().data() + size_);
        }
    }

    std::span<std::byte> stack() const { return memory_.all().first(size_); }

    // go: from the test to this side. back: from this side to the test.
    PIRN_ALWAYS_INLINE pirn::arch::message
    go(pirn::arch::message sent = pirn::arch::message::proceed) {
        void* fake_stack = pirn::arch::annotate_resume(note_, stack());
        const pirn::arch::message got = pirn::arch::switch_to(context, sent);
        pirn::arch::annotate_resumed(fake_stack);
        return got;
    }
    PIRN_ALWAYS_INLINE pirn::arch::message
    back(pirn::arch::message sent = pirn::arch::message::proceed) {
        pirn::arch::annotate_leave(note_, sent == pirn::arch::message::finished);
        const pirn::arch::message got = pirn::arch::switch_to(context, sent);
        pirn::arch::annotate_arrived(note_);
        return got;
    }

    // What an entry does first.
    PIRN_ALWAYS_INLINE static side& arrived(pirn::arch::context* own) {
        auto& self = *reinterpret_cast<side*>(own);
        pirn::arch::annotate_arrived(self.note_);
        return self;
    }

    pirn::arch::context context; // first, so that an entry finds the side

  private:
    pirn::arch::fiber_note note_{};
    std::size_t size_;
    support::raw_memory memory_;
};
