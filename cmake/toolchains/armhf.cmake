# SPDX-License-Identifier: MIT
# 32-bit ARM, Thumb-2 code with hardware floating point, as Debian's armhf has it. The linker makes one
# entry of neighbours that are unwound alike; the tests ask the unwinder in which function it is.

set(CMAKE_SYSTEM_PROCESSOR arm)
set(TRIPLET arm-linux-gnueabihf)
set(RUN qemu-arm;-L;/usr/${TRIPLET})
set(CMAKE_EXE_LINKER_FLAGS_INIT -Wl,--no-merge-exidx-entries)
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
