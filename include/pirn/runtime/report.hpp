// SPDX-License-Identifier: MIT
//
// The reports of sched for the rooms that may not look into it.
//
// It has nothing of its own. This is not API. It is installed because headers of other rooms may include it.
#pragma once

#include <pirn/sched/report.hpp> // IWYU pragma: export
