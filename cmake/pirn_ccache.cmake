# SPDX-License-Identifier: MIT
# Compiles through ccache where it is installed. It is never required; -DPIRN_CCACHE=OFF leaves it out.
#
# Paths below the source folder are hashed relative to it, so that a second clone in another folder finds what the
# first one compiled. The price: the debug information of such an object may name the first clone's files.

if(NOT PROJECT_IS_TOP_LEVEL OR CMAKE_CXX_COMPILER_LAUNCHER)
    return()
endif()

find_program(PIRN_CCACHE ccache DOC "The ccache program, or OFF")
mark_as_advanced(PIRN_CCACHE)
if(PIRN_CCACHE)
    set(CMAKE_C_COMPILER_LAUNCHER
        "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1 CCACHE_ABSSTDERR=1 CCACHE_DEPEND=1
        "${PIRN_CCACHE}")
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
endif()
