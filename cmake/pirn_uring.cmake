# SPDX-License-Identifier: MIT
# Resolves PIRN_WITH_URING to PIRN_HAVE_URING. liburing is found by pkg-config because Debian ships no
# CMake package for it. Our sources see the macro PIRN_HAVE_URING=1; users never do.

set(PIRN_HAVE_URING FALSE)
if(NOT PIRN_WITH_URING MATCHES "^(auto|on|off|ON|OFF)$")
    message(FATAL_ERROR "PIRN_WITH_URING is '${PIRN_WITH_URING}'; it may be auto, on or off")
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT PIRN_WITH_URING MATCHES "^(off|OFF)$")
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
        pkg_check_modules(PIRN_LIBURING QUIET IMPORTED_TARGET liburing)
    endif()
    if(PIRN_LIBURING_FOUND)
        set(PIRN_HAVE_URING TRUE)
    endif()
endif()
if(PIRN_WITH_URING MATCHES "^(on|ON)$" AND NOT PIRN_HAVE_URING)
    message(FATAL_ERROR "PIRN_WITH_URING=on, but pkg-config finds no liburing: apt-get install liburing-dev pkg-config")
endif()
