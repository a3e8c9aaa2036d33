# SPDX-License-Identifier: MIT
# Makes the static and the shared library out of the rooms' objects.
#   pirn::static  pirn::shared  always both
#   pirn::pirn    what to link unless there is a reason: static, or shared under BUILD_SHARED_LIBS

function(pirn_make_libraries)
    get_property(rooms GLOBAL PROPERTY PIRN_ROOM_TARGETS)
    if(NOT rooms)
        message(FATAL_ERROR "no room lists any SOURCES: see pirn_room() in cmake/pirn_room.cmake")
    endif()
    list(TRANSFORM rooms REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE objects)

    foreach(kind IN ITEMS static shared)
        string(TOUPPER ${kind} KIND)
        add_library(pirn_${kind} ${KIND} ${objects})
        add_library(pirn::${kind} ALIAS pirn_${kind})
        # The objects know their language, the library made of them does not.
        set_target_properties(pirn_${kind} PROPERTIES OUTPUT_NAME pirn EXPORT_NAME ${kind} LINKER_LANGUAGE CXX)
        target_compile_features(pirn_${kind} INTERFACE cxx_std_20)
        target_compile_definitions(pirn_${kind} INTERFACE ${PIRN_PUBLIC_DEFINITIONS})
        # In C too. A user's compiler may be another than ours, of which nothing is known.
        target_compile_options(
            pirn_${kind} INTERFACE "$<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang,AppleClang>:${PIRN_PUBLIC_OPTIONS}>"
                                   "$<$<COMPILE_LANG_AND_ID:C,GNU,Clang,AppleClang>:${PIRN_PUBLIC_OPTIONS}>"
                                   "$<$<COMPILE_LANGUAGE:CXX>:${PIRN_PUBLIC_LIBRARY_OPTIONS}>")
        target_link_options(pirn_${kind} INTERFACE ${PIRN_PUBLIC_LIBRARY_OPTIONS})
        target_include_directories(
            pirn_${kind} INTERFACE "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
                                   "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
        target_link_libraries(pirn_${kind} PUBLIC Threads::Threads)
        if(PIRN_HAVE_URING)
            target_link_libraries(pirn_${kind} PRIVATE PkgConfig::PIRN_LIBURING)
        endif()
    endforeach()

    # Looked up when it is loaded: at a first call it would be done on the caller's stack, which may be a coroutine's
    # of a few KiB, and needs a good part of that (2,576 bytes to keep the registers of AVX-512).
    if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
        target_link_options(pirn_shared PRIVATE -Wl,-z,now)
    endif()
    if(PIRN_TEST_AS STREQUAL "fixed")
        set_target_properties(pirn_shared PROPERTIES EXCLUDE_FROM_ALL ON)
    endif()

    # While the major version is 0 a minor one may break the ABI, so the soname carries both.
    set_target_properties(pirn_shared PROPERTIES VERSION ${PROJECT_VERSION}
                                                 SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

    if(BUILD_SHARED_LIBS)
        add_library(pirn::pirn ALIAS pirn_shared)
    else()
        add_library(pirn::pirn ALIAS pirn_static)
    endif()
endfunction()
