# SPDX-License-Identifier: MIT
# pirn_room(NAME coro SOURCES a.cpp b.cpp HEADERS coroutine.hpp ...)
#
# Declares a room. SOURCES (and private headers, if listed) stand beside the CMakeLists that calls this;
# HEADERS are the public ones, relative to include/pirn/<room>/, and are what gets installed. The room
# becomes the OBJECT library pirn_<room>: compiled once, with hidden symbols and position-independent,
# because both the static and the shared library are made of the same objects. A room of headers alone
# has no target.

function(pirn_room)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;HEADERS")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_NAME)
        message(FATAL_ERROR "pirn_room(NAME room SOURCES ... HEADERS ...): '${arg_UNPARSED_ARGUMENTS}' not understood")
    endif()

    set(public_dir "${PROJECT_SOURCE_DIR}/include/pirn/${arg_NAME}")
    list(TRANSFORM arg_HEADERS PREPEND "${public_dir}/")
    foreach(header IN LISTS arg_HEADERS)
        if(NOT EXISTS "${header}")
            message(FATAL_ERROR "src/${arg_NAME}/CMakeLists.txt lists ${header}, which does not exist")
        endif()
    endforeach()
    set_property(GLOBAL APPEND PROPERTY PIRN_PUBLIC_HEADERS ${arg_HEADERS})

    if(NOT arg_SOURCES)
        return()
    endif()
    set(target pirn_${arg_NAME})
    add_library(${target} OBJECT ${arg_SOURCES} ${arg_HEADERS})
    pirn_compile_as_ours(${target})
    set(independent ON)
    set(visibility hidden)
    if(PIRN_TEST_AS STREQUAL "fixed")
        set(independent OFF)
    elseif(PIRN_TEST_AS STREQUAL "shared")
        set(visibility default)
    endif()
    set_target_properties(
        ${target}
        PROPERTIES POSITION_INDEPENDENT_CODE ${independent}
                   CXX_VISIBILITY_PRESET ${visibility}
                   VISIBILITY_INLINES_HIDDEN ON)
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
    target_compile_definitions(${target} PRIVATE PIRN_BUILDING=1 ${PIRN_LARGE_FILES} ${PIRN_PUBLIC_DEFINITIONS})
    target_link_libraries(${target} PRIVATE Threads::Threads)
    if(PIRN_HAVE_URING)
        target_compile_definitions(${target} PRIVATE PIRN_HAVE_URING=1)
        target_link_libraries(${target} PRIVATE PkgConfig::PIRN_LIBURING)
    endif()
    if(PIRN_UNITY STREQUAL "all")
        pirn_bundle(${target} 16)
    endif()
    set_property(GLOBAL APPEND PROPERTY PIRN_ROOM_TARGETS ${target})
endfunction()
