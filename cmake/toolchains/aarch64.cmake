# SPDX-License-Identifier: MIT
# 64-bit ARM, on a processor that has everything: SVE, pointer authentication, branch targets.

set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(TRIPLET aarch64-linux-gnu)
set(RUN qemu-aarch64;-cpu;max;-L;/usr/${TRIPLET})
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
