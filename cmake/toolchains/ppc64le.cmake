# SPDX-License-Identifier: MIT
# 64-bit POWER, little-endian, from POWER8 on.

set(CMAKE_SYSTEM_PROCESSOR ppc64le)
set(TRIPLET powerpc64le-linux-gnu)
set(RUN qemu-ppc64le;-L;/usr/${TRIPLET})
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
