# SPDX-License-Identifier: MIT
# 64-bit RISC-V with what Debian asks of it, RV64GC.

set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(TRIPLET riscv64-linux-gnu)
set(RUN qemu-riscv64;-L;/usr/${TRIPLET})
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
