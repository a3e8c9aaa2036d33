// SPDX-License-Identifier: MIT
//
// Giving back what suspended coroutines do not need: a stack keeps every page that it has ever touched, and a
// coroutine that waits for a client for an hour keeps the pages of its deepest moment.
//
//   low                                                             high
//   ┌──────────────────────────────┬─────────────────────────┬────────┐
//   │ once used: given back        │ frames that wait: kept  │ frame  │
//   └──────────────────────────────┴─────────────────────────┴────────┘
//                                  ▲ saved stack pointer (and red zone), rounded down to a page
//
// Pages are given back, not stacks: the coroutine goes on as if nothing had been, and touching a page again takes a
// page fault. Guards stay. It costs some microseconds for a coroutine that has something to give, a quarter of that
// where there are many, and next to nothing for one that has not run since. Not to be done at each
// suspension, therefore; done by age (reclaim_idle) it costs a server that is busy next to nothing.
//
// Coroutines on the caller's memory, or from a stack source that does not own its pages, are left alone, and so is
// each one that is not suspended. With the portable switch (ucontext) nobody knows the saved stack pointer: then
// nothing is given back.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/coro/current.hpp>

#include <cstddef>
#include <span>

namespace pirn {

// reclaim: gives back the pages below each of these coroutines that is suspended; of one that was suspended from
// within coroutines which it was resuming, those of all their stacks. Bytes that were given back: 0 the second
// time. Nobody may resume any of them meanwhile. Many at once are cheaper than one by one. Never suspends.
PIRN_EXPORT std::size_t reclaim(std::span<const coroutine_ref> which) noexcept;
inline std::size_t reclaim(coroutine_ref which) noexcept { return reclaim({&which, 1}); }

// reclaim_idle: the same for those that were suspended already when it was last called with them, and have not run
// since. Called every minute, it reclaims what has waited for one to two minutes. It leaves a mark in
// each coroutine, which the next resume of it clears: that one takes a few nanoseconds more, all others nothing.
PIRN_EXPORT std::size_t reclaim_idle(std::span<const coroutine_ref> which) noexcept;

} // namespace pirn
