# SPDX-License-Identifier: MIT
# How tests run under valgrind: those of the lower rooms in a build with PIRN_VALGRIND, a few others in any build.
#
#   PIRN_VALGRIND_PROGRAM    valgrind itself, if it is installed
#   PIRN_VALGRIND_POSSIBLE   whether a program of this build can run under it, and the library knows it on this processor
#   PIRN_VALGRIND_RUN        the command before a program
#   PIRN_VALGRIND_LEAKS      further options of that command, to search for leaks

find_program(PIRN_VALGRIND_PROGRAM valgrind)
if(PIRN_VALGRIND AND PIRN_BUILD_TESTS AND NOT PIRN_VALGRIND_PROGRAM)
    message(FATAL_ERROR "the tests of a PIRN_VALGRIND build run under valgrind, which is not there: apt-get install valgrind")
endif()
set(PIRN_VALGRIND_POSSIBLE OFF)
if(PIRN_VALGRIND_PROGRAM AND NOT PIRN_SANITIZE AND NOT CMAKE_CROSSCOMPILING
   AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|aarch64)$")
    set(PIRN_VALGRIND_POSSIBLE ON)
endif()
# No suppressions. No search for leaks, which takes a minute for each child process of a test that ends by a
# signal, as it should: AddressSanitizer's build does that, and here the tests that say so. No core files of those
# children either.
set(PIRN_VALGRIND_RUN
    sh -c "ulimit -c 0 && exec \"$@\"" run
    ${PIRN_VALGRIND_PROGRAM} --error-exitcode=99 --leak-check=no --num-callers=30)
set(PIRN_VALGRIND_LEAKS --leak-check=full --errors-for-leak-kinds=definite)
