# SPDX-License-Identifier: MIT
# How a test, a benchmark and an example are declared. All link the static library, where hidden symbols
# can still be reached (PIRN_TEST_AS may say otherwise): tests and benchmarks may include a room's private
# header as "room/x.hpp", examples see only what a user sees.

# pirn_test(ROOM coro SOURCES coroutine_test.cpp ... [PROGRAM name] [LABELS slow] [ENVIRONMENTS A=1 A=2] [ALONE pattern ...]
#           [SLOW suite ...])
# One GoogleTest program <room>_test, or <name>_test for a further one of the room. ctest knows its suites as
# <room>.<suite>, each of which runs in one process; a test that matches a pattern of ALONE has a process to itself,
# and is <room>.<suite>.<test>. The suites named by SLOW have the label slow, all of them with LABELS slow. With ENVIRONMENTS there is one entry for each, <room>.<suite>@<value>: one suite,
# several backends. When cross compiling and for valgrind, the whole program is one entry, <room> or <name>: to start
# an emulator takes longer than most suites.
function(pirn_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "ROOM;PROGRAM" "SOURCES;LABELS;ENVIRONMENTS;LIBRARIES;ALONE;SLOW")
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
        # Eight at a time: short enough to wait for when one of them has changed, and to keep all processors busy. Whole
        # rooms where nothing is optimised, as most of the time goes into headers then.
        set(size 8)
        if(PIRN_SANITIZE)
            set(size 24)
        endif()
        pirn_bundle(${target} ${size})
    endif()
    pirn_hurry(${target} ${arg_ROOM})
    pirn_part_of_room(${target} ${arg_ROOM})

    if(CMAKE_CROSSCOMPILING)
        pirn_cross_test(${arg_ROOM} ${arg_PROGRAM} "${arg_LABELS}")
    elseif(PIRN_VALGRIND)
        pirn_valgrind_test(${arg_ROOM} ${arg_PROGRAM} "${arg_LABELS}")
    else()
        pirn_register_suites(${target} ${arg_ROOM} "${arg_LABELS}" "${arg_ENVIRONMENTS}" "${arg_ALONE}"
                             "${arg_SLOW}")
    endif()
endfunction()

# pirn_register_suites(target room labels environments alone slow): ctest asks the program for its tests when it starts, and
# not after each link; cmake/pirn_discover.cmake makes entries of them.
function(pirn_register_suites target room labels environments alone slow)
    list(PREPEND labels ${room})
    set(seconds_slow 1800)
    set(seconds 240)
    if("slow" IN_LIST labels)
        set(seconds ${seconds_slow})
    endif()
    set(register "${CMAKE_CURRENT_BINARY_DIR}/${target}_suites.cmake")
    file(
        GENERATE
        OUTPUT "${register}"
        CONTENT
            "set(program [[$<TARGET_FILE:${target}>]])
set(prefix [[${room}]])
set(alone [[${alone}]])
set(settings [[${environments}]])
set(properties [[TIMEOUT ${seconds} LABELS \"${labels}\"]])
set(slow [[${slow}]])
set(slow_properties [[TIMEOUT ${seconds_slow} LABELS \"${labels};slow\"]])
set(listing [[${CMAKE_CURRENT_BINARY_DIR}/${target}_listed.cmake]])
set(registered [[${register}]])
include([[${PROJECT_SOURCE_DIR}/cmake/pirn_discover.cmake]])
")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${register}")
endfunction()

# pirn_part_of_room(target room): ./dev test ROOM builds it.
function(pirn_part_of_room target room)
    if(NOT TARGET pirn_${room}_tests)
        add_custom_target(pirn_${room}_tests)
    endif()
    add_dependencies(pirn_${room}_tests ${target})
endfunction()

# pirn_hurry(target room): tests that have little of pirn's to optimise in them are compiled for a short compile time.
# The library underneath is optimised as ever. What the headers become under optimisation is shown by the examples and
# the tests of arch, coro and sync, at -O2, which takes two thirds of the time of -O3; and for all rooms up to sched by
# ./dev matrix.
function(pirn_hurry target room)
    set(level -O1)
    if(room MATCHES "^(arch|coro|sync)$")
        set(level -O2)
    endif()
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:${level}>)
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
# takes longer to start than most tests to run. The rooms below IO are tested: memcheck cannot see what the kernel
# writes into io_uring's shared memory.
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

# pirn_example(NAME hello [WITH more.cpp...] [RUN [arguments...]]): examples/hello.cpp; with RUN it is also the test
# examples.hello, which passes when the program exits 0. Programs that need a peer are tested in tests/. With PIRN_BRIEF
# only those of PIRN_BRIEF_EXAMPLES.
function(pirn_example)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "RUN;WITH")
    if(PIRN_BRIEF AND NOT arg_NAME IN_LIST PIRN_BRIEF_EXAMPLES)
        return()
    endif()
    pirn_program(${arg_NAME} SOURCES ${arg_NAME}.cpp ${arg_WITH})
    add_dependencies(pirn_examples ${arg_NAME})
    if(PIRN_BUILD_TESTS AND (arg_RUN OR "RUN" IN_LIST arg_KEYWORDS_MISSING_VALUES))
        add_test(NAME examples.${arg_NAME} COMMAND ${arg_NAME} ${arg_RUN})
        set_tests_properties(examples.${arg_NAME} PROPERTIES TIMEOUT 60 LABELS examples)
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
    if(PIRN_VALGRIND) # some tests do less under valgrind
        target_compile_definitions(${target} PRIVATE PIRN_VALGRIND=1)
    endif()
    if(PIRN_HAVE_URING)
        target_compile_definitions(${target} PRIVATE PIRN_HAVE_URING=1)
        target_link_libraries(${target} PRIVATE PkgConfig::PIRN_LIBURING)
    endif()
endfunction()
