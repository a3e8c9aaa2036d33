# SPDX-License-Identifier: MIT
# 32-bit ARM, Thumb-2 code with hardware floating point, as Debian's armhf has it.

set(CMAKE_SYSTEM_PROCESSOR arm)
set(TRIPLET arm-linux-gnueabihf)
set(RUN qemu-arm;-L;/usr/${TRIPLET})
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
