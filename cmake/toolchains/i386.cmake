# SPDX-License-Identifier: MIT
# 32-bit x86, from the 686 on, as Debian's i386 has it. Run by the kernel of an x86-64 machine, which is
# able to, with the C library of the cross compiler: under qemu-i386 forked children hang.

set(CMAKE_SYSTEM_PROCESSOR i686)
set(TRIPLET i686-linux-gnu)
set(RUN /usr/${TRIPLET}/lib/ld-linux.so.2;--library-path;/usr/${TRIPLET}/lib)
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
