# SPDX-License-Identifier: MIT
# Every switch a user of the build may set, with its default and its reason.

# Tests, examples and benchmarks are for work on pirn: a build that is made to install or to embed the library has
# none of them, and takes half the time. The presets turn them on.
option(PIRN_DEVELOP "Build tests, examples and benchmarks unless one of the three below says otherwise" OFF)
option(PIRN_BUILD_TESTS "Build the tests (needs GoogleTest)" ${PIRN_DEVELOP})
option(PIRN_BUILD_EXAMPLES "Build the example programs" ${PIRN_DEVELOP})
option(PIRN_BUILD_BENCHMARKS "Build pirn-bench, and the Google benchmarks where that library is found"
       ${PIRN_DEVELOP})

# An embedding project installs itself; our files among its own would surprise it.
option(PIRN_INSTALL "Create the install rules" ${PROJECT_IS_TOP_LEVEL})

# Off by default: a new compiler's new warning must not break a user's build. The presets turn it on.
option(PIRN_WERROR "Treat warnings as errors" OFF)

# Which implementation of the context switch is compiled in. `auto` takes the inline assembly of this
# machine's ABI, and ucontext (slower, portable, the reference for the tests) where there is none.
# cmake/pirn_context.cmake knows the names of the ABIs.
set(PIRN_CONTEXT auto CACHE STRING "Context switch: auto, ucontext, or the name of this machine's ABI")

# `auto` builds the io_uring backend when pkg-config finds liburing; `on` insists; `off` leaves epoll alone.
# At run time the library falls back to epoll by itself where the kernel refuses io_uring.
set(PIRN_WITH_URING auto CACHE STRING "io_uring backend: auto, on or off")
set_property(CACHE PIRN_WITH_URING PROPERTY STRINGS auto on off)

# The tests of the rooms below IO run under valgrind, and do less. The library is the same.
option(PIRN_VALGRIND "Run the tests under valgrind" OFF)

# Applied to everything in the build, library and tests alike: a half-instrumented program lies.
set(PIRN_SANITIZE "" CACHE STRING "Sanitizers to compile with, e.g. address or thread or undefined")

# The targets of libFuzzer in fuzz/, which need clang. Everything is compiled to tell the fuzzer where it has been, which
# no other build wants.
option(PIRN_FUZZ "Build the fuzz targets (needs clang)" OFF)

# How the tests are compiled and linked, for ./dev matrix. `static`: as users mostly do it. `shared`: position
# independent, against the shared library, which then hides nothing from them. `fixed`: tests and library at
# fixed addresses, from which no shared library can be made.
set(PIRN_TEST_AS static CACHE STRING "How tests are linked: static, shared or fixed")
set_property(CACHE PIRN_TEST_AS PROPERTY STRINGS static shared fixed)
if(NOT PIRN_TEST_AS MATCHES "^(static|shared|fixed)$")
    message(FATAL_ERROR "PIRN_TEST_AS is '${PIRN_TEST_AS}'; it may be static, shared or fixed")
endif()

# Several files compiled as one: most of a small file's time goes into what it includes. `all`: the library's and those of
# each room's tests. `tests`: the tests' alone. `none`: every file alone, so that a missing include shows.
set(PIRN_UNITY all CACHE STRING "Files that are compiled several at a time: none, tests or all")
set_property(CACHE PIRN_UNITY PROPERTY STRINGS none tests all)
if(NOT PIRN_UNITY MATCHES "^(none|tests|all)$")
    message(FATAL_ERROR "PIRN_UNITY is '${PIRN_UNITY}'; it may be none, tests or all")
endif()

# For ./dev asan-ubsan and ./dev tsan: few examples, and for ThreadSanitizer the rooms io and net on one backend alone.
# ./dev release tests all of it with each sanitizer.
option(PIRN_BRIEF "Leave out tests and examples of which a sanitizer sees others that are alike" OFF)
mark_as_advanced(PIRN_BRIEF)

# All programs in one folder, so that a document can name their paths.
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_RUNTIME_OUTPUT_DIRECTORY)
    set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
endif()

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release)
endif()
