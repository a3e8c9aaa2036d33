# SPDX-License-Identifier: MIT
# 64-bit z/Architecture: big-endian.

set(CMAKE_SYSTEM_PROCESSOR s390x)
set(TRIPLET s390x-linux-gnu)
set(RUN qemu-s390x;-cpu;max;-L;/usr/${TRIPLET})
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
