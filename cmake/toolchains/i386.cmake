# SPDX-License-Identifier: MIT
# 32-bit x86, from the 686 on, as Debian's i386 has it.

set(CMAKE_SYSTEM_PROCESSOR i686)
set(TRIPLET i686-linux-gnu)
set(QEMU qemu-i386)
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
