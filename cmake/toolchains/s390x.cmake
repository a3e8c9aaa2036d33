# SPDX-License-Identifier: MIT
# 64-bit z/Architecture: big-endian.

set(CMAKE_SYSTEM_PROCESSOR s390x)
set(TRIPLET s390x-linux-gnu)
set(QEMU qemu-s390x;-cpu;max)
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
