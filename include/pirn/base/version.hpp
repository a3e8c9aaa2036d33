// SPDX-License-Identifier: MIT
//
// The version of the library. CMake reads these three lines: they are the single source of truth.
#pragma once

#define PIRN_VERSION_MAJOR 0
#define PIRN_VERSION_MINOR 1
#define PIRN_VERSION_PATCH 0
