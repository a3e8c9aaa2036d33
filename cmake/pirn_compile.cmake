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
    endif()
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

# pirn_compile_as_ours(target): the rules of the house for a library room, a test or an example.
function(pirn_compile_as_ours target)
    target_compile_features(${target} PRIVATE cxx_std_20)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${PIRN_WARNINGS}>)
endfunction()
