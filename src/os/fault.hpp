// SPDX-License-Identifier: MIT
//
// A memory fault, delivered where it can be looked at. A coroutine that has used up its stack faults on
// the guard below it, and then there is no stack left for the handler: it runs on an alternate one,
// which every thread that runs coroutines needs.
#pragma once

namespace pirn::os {

// fault_observer: called on the alternate stack, in the signal handler, with the address that was
// touched. Async-signal-safe. May report; afterwards the fault goes the way it would have gone.
using fault_observer = void (*)(const void* address) noexcept;

// watch_faults: installs the handler once per process, with this observer. A handler that was there
// before is called after the observer. Thread-safe. Never suspends.
void watch_faults(fault_observer observer) noexcept;

// prepare_thread_for_faults: gives the calling thread an alternate stack, unless it has one. Cheap
// after the first call. Never suspends.
void prepare_thread_for_faults() noexcept;

} // namespace pirn::os
