// SPDX-License-Identifier: MIT
//
// The reference switch. See include/pirn/arch/ucontext.hpp.
#include <pirn/arch/context.hpp>

#include <utility>

#if PIRN_CONTEXT_UCONTEXT

namespace pirn::arch {
namespace {

// makecontext passes ints: a pointer travels in two of them.
void begin(unsigned high, unsigned low) {
    const auto address = (static_cast<std::uint64_t>(high) << 32) | low;
    auto* self = reinterpret_cast<context*>(static_cast<std::uintptr_t>(address));
    self->entry(self);
}

} // namespace

void prepare(context& fresh, std::span<std::byte> stack, entry_function entry) noexcept {
    fresh.entry = entry;
    fresh.waiting = &fresh.first;
    ucontext_t& place = fresh.first.place;
    getcontext(&place);
    place.uc_stack.ss_sp = stack.data();
    place.uc_stack.ss_size = stack.size();
    place.uc_link = nullptr; // entry never returns
    const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&fresh));
    makecontext(&place, reinterpret_cast<void (*)()>(&begin), 2,
                static_cast<unsigned>(address >> 32), static_cast<unsigned>(address));
}

message switch_to(context& other, message sent) noexcept {
    ucontext_side here;
    ucontext_side& there = *std::exchange(other.waiting, &here);
    there.received = sent;
    swapcontext(&here.place, &there.place);
    return here.received;
}

} // namespace pirn::arch

#endif
