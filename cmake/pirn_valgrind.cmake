# SPDX-License-Identifier: MIT
# PIRN_VALGRIND: the header that it needs, and what runs the tests under valgrind.

if(PIRN_VALGRIND)
    include(CheckIncludeFileCXX)
    check_include_file_cxx(valgrind/memcheck.h PIRN_HAVE_VALGRIND_HEADER)
    if(NOT PIRN_HAVE_VALGRIND_HEADER)
        unset(PIRN_HAVE_VALGRIND_HEADER CACHE) # so that it is looked for again
        message(FATAL_ERROR "PIRN_VALGRIND=ON, but there is no valgrind/memcheck.h: apt-get install valgrind")
    endif()
    # No suppressions. What is still reachable at the end is what lives as long as the process, on purpose.
    find_program(PIRN_VALGRIND_PROGRAM valgrind)
    set(PIRN_VALGRIND_RUN
        ${PIRN_VALGRIND_PROGRAM} --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite
        --num-callers=30 --track-origins=no)
    if(PIRN_BUILD_TESTS AND NOT PIRN_VALGRIND_PROGRAM)
        message(FATAL_ERROR "the tests of a PIRN_VALGRIND build run under valgrind, which is not there: apt-get install valgrind")
    endif()
endif()

# pirn_tell_valgrind(target): for the library's own sources, and tests that look into them.
function(pirn_tell_valgrind target)
    if(PIRN_VALGRIND)
        target_compile_definitions(${target} PRIVATE PIRN_VALGRIND=1)
    endif()
endfunction()
