# SPDX-License-Identifier: MIT
# Reads PIRN_VERSION out of include/pirn/base/version.hpp: the header is the one place where the
# number stands, so that the code, the package and the shared library cannot disagree.

set(header "${CMAKE_CURRENT_LIST_DIR}/../include/pirn/base/version.hpp")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${header}")

set(PIRN_VERSION "")
file(STRINGS "${header}" lines REGEX "^#define PIRN_VERSION_(MAJOR|MINOR|PATCH)[ \t]+[0-9]+")
foreach(part IN ITEMS MAJOR MINOR PATCH)
    if(NOT "${lines}" MATCHES "PIRN_VERSION_${part}[ \t]+([0-9]+)")
        message(FATAL_ERROR "${header} must define PIRN_VERSION_${part} as a plain number")
    endif()
    list(APPEND PIRN_VERSION "${CMAKE_MATCH_1}")
endforeach()
list(JOIN PIRN_VERSION "." PIRN_VERSION)
