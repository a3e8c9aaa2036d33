// SPDX-License-Identifier: MIT
//
// The two ways of unwinding, by one name: most processors do it by DWARF, 32-bit ARM by the tables of its
// own exception handling ABI (EHABI), which knows fewer answers.
#pragma once

#include <pirn/arch/eh_state.hpp>

#include <cstdint>

#include <unwind.h>

namespace support {

// stop_walking: what a callback of _Unwind_Backtrace says to end the walk. end_of_stack: what the walk says
// that ended by itself, at a root. Under the EHABI both are "failure", so a test counts the frames too.
#if PIRN_ARCH_EHABI
inline constexpr _Unwind_Reason_Code stop_walking = _URC_FAILURE;
inline constexpr _Unwind_Reason_Code end_of_stack = _URC_FAILURE;
#else
inline constexpr _Unwind_Reason_Code stop_walking = _URC_NORMAL_STOP;
inline constexpr _Unwind_Reason_Code end_of_stack = _URC_END_OF_STACK;
#endif

// start_of: where the unwinder says that a function begins, as _Unwind_GetRegionStart does.
template <class Function>
std::uintptr_t start_of(Function* function) {
    const auto address = reinterpret_cast<std::uintptr_t>(function);
#if PIRN_ARCH_EHABI
    return address & ~std::uintptr_t{1}; // which kind of code it is, not a part of the address
#else
    return address;
#endif
}

} // namespace support
