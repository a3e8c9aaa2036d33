# SPDX-License-Identifier: MIT
# How pirn's own sources are compiled: warnings and sanitizers. Nothing here reaches a user's targets.

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON) # clang-tidy and editors read it
find_package(Threads REQUIRED)

if(PIRN_SANITIZE)
    list(JOIN PIRN_SANITIZE "," sanitizers)
    add_compile_options(-fsanitize=${sanitizers} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${sanitizers})
    if("undefined" IN_LIST PIRN_SANITIZE)
        # Without this a finding is a line in a log of a test that passed.
        add_compile_options(-fno-sanitize-recover=all)
        # The check of an object's type opens a pipe to find out whether the type can be read. Many tests use up all
        # descriptors, and then the check reports good objects.
        add_compile_options(-fno-sanitize=vptr)
    endif()
endif()

if(PIRN_FUZZ)
    # The fuzzer is led by what an input reaches, in the library most of all. Only the targets link its main function.
    # How deep the stack is says nothing here: it is another one in each coroutine.
    add_compile_options(-fsanitize=fuzzer-no-link -fno-sanitize-coverage=stack-depth)
    add_link_options(-fsanitize=fuzzer-no-link)
endif()

if(PIRN_TEST_AS STREQUAL "shared")
    add_compile_options(-fPIC)
elseif(PIRN_TEST_AS STREQUAL "fixed")
    add_compile_options(-fno-pic -fno-pie)
    add_link_options(-no-pie)
endif()

# Clang says "unused" to flags that only gcc knows, so each compiler gets its own list.
set(PIRN_WARNINGS
    -Wall
    -Wextra
    -Wpedantic
    -Wshadow
    -Wconversion
    -Wsign-conversion
    -Wold-style-cast
    -Wcast-align
    -Wcast-qual
    -Wnon-virtual-dtor
    -Woverloaded-virtual
    -Wunused
    -Wdouble-promotion
    -Wformat=2
    -Wimplicit-fallthrough
    -Wextra-semi)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND PIRN_WARNINGS -Wduplicated-cond -Wlogical-op -Wsuggest-override)
    list(APPEND PIRN_WARNINGS -Wno-psabi) # what 32-bit ARM passed in another way before gcc 7.1
    if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
        list(APPEND PIRN_WARNINGS -Wno-restrict) # gcc 12 suspects operator+ of std::string itself
    endif()
elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    list(APPEND PIRN_WARNINGS -Winconsistent-missing-override -Wunreachable-code -Wthread-safety)
elseif(MSVC)
    set(PIRN_WARNINGS /W4 /permissive-)
endif()
if(PIRN_WERROR)
    list(APPEND PIRN_WARNINGS $<IF:$<CXX_COMPILER_ID:MSVC>,/WX,-Werror>)
endif()

# What says nothing where several files are compiled as one: names that hide those of another file, and types of a
# file's own in what is taken for a header.
set(PIRN_UNITY_WARNINGS -Wno-shadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND PIRN_UNITY_WARNINGS -Wno-subobject-linkage)
endif()

# Objects for control-flow enforcement (CET) carry properties, and what is linked carries those that all of its
# objects have. Where the compiler makes shadow stacks a property (Ubuntu's does, or a user's -fcf-protection), ours
# must not: the switch does not know of them. Branch tracking stays if it was there.
set(PIRN_NO_SHADOW_STACKS)
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang" AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|i[3-6]86)$")
    separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS}")
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} ${flags} -E -dM -x c++ /dev/null OUTPUT_VARIABLE macros)
    if(macros MATCHES "#define __CET__ 3")
        set(PIRN_NO_SHADOW_STACKS -fcf-protection=branch)
    elseif(macros MATCHES "#define __CET__ 2")
        set(PIRN_NO_SHADOW_STACKS -fcf-protection=none)
    endif()
endif()

# What a user's files are compiled with too: their functions run on coroutines' stacks. Without probes a function with
# more locals than the guard is large steps over the guard, and no report can name the coroutine.
include(CheckCXXCompilerFlag)
include(CheckCXXSourceCompiles)
set(PIRN_PUBLIC_OPTIONS)
set(CMAKE_REQUIRED_FLAGS -Werror) # clang only warns where it knows no probes for the processor
check_cxx_compiler_flag(-fstack-clash-protection PIRN_HAVE_STACK_PROBES)
unset(CMAKE_REQUIRED_FLAGS)
if(PIRN_HAVE_STACK_PROBES)
    list(APPEND PIRN_PUBLIC_OPTIONS -fstack-clash-protection)
endif()

# libc++ before 20 calls std::stop_token experimental, and has it in a library of its own.
set(PIRN_PUBLIC_LIBRARY_OPTIONS)
set(CMAKE_REQUIRED_FLAGS -std=c++20)
check_cxx_source_compiles("#include <version>
#if defined(_LIBCPP_VERSION) && !defined(__cpp_lib_jthread)
#error
#endif
int main() {}" PIRN_HAVE_STOP_TOKEN)
unset(CMAKE_REQUIRED_FLAGS)
if(NOT PIRN_HAVE_STOP_TOKEN)
    set(PIRN_PUBLIC_LIBRARY_OPTIONS -fexperimental-library)
endif()
add_compile_options(${PIRN_PUBLIC_OPTIONS} ${PIRN_PUBLIC_LIBRARY_OPTIONS})
add_link_options(${PIRN_PUBLIC_LIBRARY_OPTIONS})

# On 32-bit machines, files as large as elsewhere: for the library, and for what looks into it. Nothing in the public
# headers has a size that depends on it, so users may choose for themselves.
set(PIRN_LARGE_FILES _FILE_OFFSET_BITS=64)

# pirn_compile_as_ours(target): the rules of the house for a library room, a test or an example.
function(pirn_compile_as_ours target)
    target_compile_features(${target} PRIVATE cxx_std_20)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${PIRN_WARNINGS}>
                                             ${PIRN_NO_SHADOW_STACKS})
endfunction()
