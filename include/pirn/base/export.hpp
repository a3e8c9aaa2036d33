// SPDX-License-Identifier: MIT
//
// PIRN_EXPORT marks what a shared pirn shows to its users. Everything else is hidden: the library is
// compiled with -fvisibility=hidden, so that internal calls need no procedure linkage table.
#pragma once

#define PIRN_EXPORT [[gnu::visibility("default")]]
