// SPDX-License-Identifier: MIT
//
// What a select does with a choice that needs nothing done.
#pragma once

inline constexpr auto nothing = [] {};
inline constexpr auto ignore = [](auto&&) {};
