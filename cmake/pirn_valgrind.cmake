# SPDX-License-Identifier: MIT
# PIRN_VALGRIND: the header that it needs, and what runs the tests under valgrind.

if(PIRN_VALGRIND)
    include(CheckIncludeFileCXX)
    check_include_file_cxx(valgrind/memcheck.h PIRN_HAVE_VALGRIND_HEADER)
    if(NOT PIRN_HAVE_VALGRIND_HEADER)
        unset(PIRN_HAVE_VALGRIND_HEADER CACHE) # so that it is looked for again
        message(FATAL_ERROR "PIRN_VALGRIND=ON, but there is no valgrind/memcheck.h: apt-get install valgrind")
    endif()
    # No suppressions. No search for leaks, which takes a minute for each child process of a test that ends by a
    # signal, as it should: AddressSanitizer's build does that, and here the tests that say so.
    find_program(PIRN_VALGRIND_PROGRAM valgrind)
    # No core files of those children either.
    set(PIRN_VALGRIND_RUN
        sh -c "ulimit -c 0 && exec \"$@\"" run
        ${PIRN_VALGRIND_PROGRAM} --error-exitcode=99 --leak-check=no --num-callers=30)
    set(PIRN_VALGRIND_LEAKS --leak-check=full --errors-for-leak-kinds=definite)
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
