# SPDX-License-Identifier: MIT
# How a test, a benchmark and an example are declared. All link the static library, where hidden symbols
# can still be reached (PIRN_TEST_AS may say otherwise): tests and benchmarks may include a room's private
# header as "room/x.hpp", examples see only what a user sees.

# pirn_test(ROOM coro SOURCES coroutine_test.cpp ... [PROGRAM name] [LABELS slow] [ENVIRONMENTS A=1 A=2])
# One GoogleTest program <room>_test, or <name>_test for a further one of the room; ctest knows its tests as
# <room>.Suite.Name. With ENVIRONMENTS each test is registered once per entry, as <room>.Suite.Name@<value>: one suite,
# several backends. When cross compiling and for valgrind, the whole program is one entry, <room> or <name>: to start
# an emulator takes longer than most tests.
function(pirn_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "ROOM;PROGRAM" "SOURCES;LABELS;ENVIRONMENTS;LIBRARIES")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_ROOM)
        message(FATAL_ERROR "pirn_test(ROOM room SOURCES ...): '${arg_UNPARSED_ARGUMENTS}' not understood")
    endif()
    if(NOT arg_SOURCES)
        return()
    endif()
    if(NOT arg_PROGRAM)
        set(arg_PROGRAM ${arg_ROOM})
    endif()
    set(target ${arg_PROGRAM}_test)
    pirn_program(${target} SOURCES ${arg_SOURCES} LIBRARIES GTest::gtest_main ${arg_LIBRARIES})
    pirn_show_private(${target})
    if(NOT PIRN_UNITY STREQUAL "none")
        # Six at a time: short enough to wait for when one of them has changed, and to keep all processors busy.
        set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
        target_compile_options(${target} PRIVATE ${PIRN_UNITY_WARNINGS})
    endif()
    pirn_hurry(${target} ${arg_ROOM})
    if(PIRN_SANITIZE AND PIRN_UNITY STREQUAL "all")
        pirn_precompile(${target} <gtest/gtest.h>)
    endif()

    if(CMAKE_CROSSCOMPILING)
        pirn_cross_test(${arg_ROOM} ${arg_PROGRAM} "${arg_LABELS}")
        return()
    endif()
    if(PIRN_VALGRIND)
        pirn_valgrind_test(${arg_ROOM} ${arg_PROGRAM} "${arg_LABELS}")
        return()
    endif()

    # PRE_TEST asks the program for its tests when ctest starts, and not after each link.
    set(properties TIMEOUT 60 LABELS "${arg_ROOM};${arg_LABELS}")
    set(common NO_PRETTY_VALUES DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 30 TEST_PREFIX ${arg_ROOM}.)
    if(NOT arg_ENVIRONMENTS)
        gtest_discover_tests(${target} ${common} PROPERTIES ${properties})
    endif()
    foreach(setting IN LISTS arg_ENVIRONMENTS)
        string(REGEX REPLACE "^[^=]*=" "" value "${setting}")
        gtest_discover_tests(
            ${target} ${common}
            TEST_SUFFIX "@${value}"
            TEST_LIST ${target}_${value}
            PROPERTIES ${properties} ENVIRONMENT "${setting}")
    endforeach()
endfunction()

# pirn_hurry(target room): tests that have nothing of pirn's to optimise in them are compiled for a short compile time.
# The library underneath is optimised as ever; and what the headers become under optimisation is shown by the
# examples, and for the switch by ./dev matrix.
function(pirn_hurry target room)
    if(NOT room MATCHES "^(arch|stack|coro|sched|sync)")
        target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
    endif()
    if(PIRN_SANITIZE)
        target_compile_options(${target} PRIVATE -O0)
    endif()
endfunction()

# pirn_cross_test(room program labels): what pirn_test does for another machine's program. The rooms below the
# event loop are tested there, as the emulator's kernel is not the machine's; the other programs can be built by name.
function(pirn_cross_test room program labels)
    set(target ${program}_test)
    if(room IN_LIST PIRN_CROSS_ROOMS)
        if(NOT room STREQUAL "arch") # which names it itself
            target_sources(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests/arch/branch_targets.cpp")
        endif()
        add_dependencies(pirn_cross_tests ${target})
        add_test(NAME ${program} COMMAND ${target})
        set_tests_properties(${program} PROPERTIES TIMEOUT 600 LABELS "${room};${labels}")
    endif()
endfunction()

# pirn_valgrind_test(room program labels): what pirn_test does for a program that is to run under valgrind, which
# takes longer to start than most tests to run. The rooms below IO are tested: what the kernel writes by way of
# io_uring's shared memory is nothing that memcheck could see.
function(pirn_valgrind_test room program labels)
    set(target ${program}_test)
    if(room IN_LIST PIRN_VALGRIND_ROOMS)
        add_dependencies(pirn_valgrind_tests ${target})
        add_test(NAME ${program} COMMAND ${PIRN_VALGRIND_RUN} $<TARGET_FILE:${target}>)
        set_tests_properties(${program} PROPERTIES TIMEOUT 600 LABELS "${room};${labels}")
        # Only a warning, and not counted among the errors: a stack that was not registered.
        set_tests_properties(${program} PROPERTIES FAIL_REGULAR_EXPRESSION "client switching stacks")
    endif()
endfunction()

# pirn_bench(ROOM coro SOURCES coroutine_bench.cpp ...): the Google benchmark program <room>_bench.
function(pirn_bench)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "ROOM" "SOURCES")
    if(arg_SOURCES AND benchmark_FOUND)
        pirn_program(${arg_ROOM}_bench SOURCES ${arg_SOURCES} LIBRARIES benchmark::benchmark_main)
        pirn_show_private(${arg_ROOM}_bench)
        add_dependencies(pirn_benchmarks ${arg_ROOM}_bench)
    endif()
endfunction()

# pirn_example(NAME hello [RUN [arguments...]]): examples/hello.cpp; with RUN it is also the test
# examples.hello, which passes when the program exits 0. Programs that need a peer are tested in tests/.
function(pirn_example)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "RUN")
    pirn_program(${arg_NAME} SOURCES ${arg_NAME}.cpp)
    add_dependencies(pirn_examples ${arg_NAME})
    if(PIRN_UNITY STREQUAL "all")
        pirn_precompile(${arg_NAME} "")
    endif()
    if(PIRN_BUILD_TESTS AND (arg_RUN OR "RUN" IN_LIST arg_KEYWORDS_MISSING_VALUES))
        add_test(NAME examples.${arg_NAME} COMMAND ${arg_NAME} ${arg_RUN})
        set_tests_properties(examples.${arg_NAME} PROPERTIES TIMEOUT 60 LABELS examples)
    endif()
endfunction()

# pirn_precompile(target more): pirn's headers, and more, are read once for all targets with the same more, which are
# compiled alike. A file of theirs that is compiled in another way has SKIP_PRECOMPILE_HEADERS.
function(pirn_precompile target more)
    get_property(first GLOBAL PROPERTY "PIRN_PRECOMPILED${more}")
    if(first)
        target_precompile_headers(${target} REUSE_FROM ${first})
    else()
        target_precompile_headers(${target} PRIVATE <pirn/pirn.hpp> ${more})
        set_property(GLOBAL PROPERTY "PIRN_PRECOMPILED${more}" ${target})
    endif()
endfunction()

# pirn_program(target SOURCES ... LIBRARIES ...): what the three above share.
function(pirn_program target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
    add_executable(${target} ${arg_SOURCES})
    pirn_compile_as_ours(${target})
    set(library $<IF:$<STREQUAL:${PIRN_TEST_AS},shared>,pirn_shared,pirn_static>)
    target_link_libraries(${target} PRIVATE ${library} ${arg_LIBRARIES})
endfunction()

# pirn_show_private(target): lets it include src/ and tests/, compiled as the library itself was.
function(pirn_show_private target)
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/tests")
    target_compile_definitions(${target} PRIVATE ${PIRN_LARGE_FILES})
    if(CMAKE_CROSSCOMPILING_EMULATOR MATCHES "qemu")
        target_compile_definitions(${target} PRIVATE PIRN_TEST_EMULATED=1)
    endif()
    pirn_tell_valgrind(${target})
    if(PIRN_HAVE_URING)
        target_compile_definitions(${target} PRIVATE PIRN_HAVE_URING=1)
        target_link_libraries(${target} PRIVATE PkgConfig::PIRN_LIBURING)
    endif()
endfunction()
