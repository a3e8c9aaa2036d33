# SPDX-License-Identifier: MIT
# What `cmake --install` puts where: headers, both libraries, a CMake package and a pkg-config file.

include(CMakePackageConfigHelpers)

function(pirn_install)
    set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/pirn")

    get_property(headers GLOBAL PROPERTY PIRN_PUBLIC_HEADERS)
    if(EXISTS "${PROJECT_SOURCE_DIR}/include/pirn/pirn.hpp")
        list(APPEND headers "${PROJECT_SOURCE_DIR}/include/pirn/pirn.hpp")
    endif()
    foreach(header IN LISTS headers)
        cmake_path(GET header PARENT_PATH folder)
        cmake_path(RELATIVE_PATH folder BASE_DIRECTORY "${PROJECT_SOURCE_DIR}/include")
        install(FILES "${header}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/${folder}")
    endforeach()

    install(TARGETS pirn_static pirn_shared EXPORT pirnTargets)
    install(EXPORT pirnTargets NAMESPACE pirn:: DESTINATION "${package_dir}")

    # The two kinds of consumer must learn the same facts, so both files are filled from here.
    string(REGEX REPLACE "[^/]+" ".." PIRN_PC_UP "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
    set(PIRN_PC_CFLAGS "")
    foreach(definition IN LISTS PIRN_PUBLIC_DEFINITIONS)
        string(APPEND PIRN_PC_CFLAGS " -D${definition}")
    endforeach()
    foreach(option IN LISTS PIRN_PUBLIC_OPTIONS PIRN_PUBLIC_LIBRARY_OPTIONS)
        string(APPEND PIRN_PC_CFLAGS " ${option}")
    endforeach()
    list(JOIN PIRN_PUBLIC_LIBRARY_OPTIONS " " PIRN_PC_LIBS)
    set(PIRN_PC_REQUIRES_PRIVATE "")
    if(PIRN_HAVE_URING)
        set(PIRN_PC_REQUIRES_PRIVATE liburing)
    endif()

    set(made "${PROJECT_BINARY_DIR}/package")
    configure_package_config_file(cmake/pirnConfig.cmake.in "${made}/pirnConfig.cmake"
                                  INSTALL_DESTINATION "${package_dir}")
    write_basic_package_version_file("${made}/pirnConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
    set(PIRN_PC_RUN_PATH "")
    configure_file(cmake/pirn.pc.in "${made}/pirn.pc" @ONLY)
    set(PIRN_PC_RUN_PATH " -Wl,-rpath,\${libdir}")
    configure_file(cmake/pirn.pc.in "${made}/run_path/pirn.pc" @ONLY)

    install(FILES "${made}/pirnConfig.cmake" "${made}/pirnConfigVersion.cmake" DESTINATION "${package_dir}")
    foreach(part IN ITEMS pirn pirn_memory pirn_walk)
        install(FILES "${PROJECT_SOURCE_DIR}/tools/gdb/${part}.py" DESTINATION "${CMAKE_INSTALL_DATADIR}/pirn/gdb")
    endforeach()

    # A program finds the shared library in the system's folders by itself, and elsewhere by a run path. Which it is shows
    # at the installation, where --prefix may name another folder.
    install(CODE "set(PIRN_PC \"${made}/run_path/pirn.pc\")
if(CMAKE_INSTALL_PREFIX MATCHES \"^/(usr(/local)?/?)?$\")
    set(PIRN_PC \"${made}/pirn.pc\")
endif()
cmake_path(APPEND CMAKE_INSTALL_PREFIX \"${CMAKE_INSTALL_LIBDIR}/pkgconfig\" OUTPUT_VARIABLE PIRN_PC_FOLDER)
file(INSTALL \"\${PIRN_PC}\" DESTINATION \"\${PIRN_PC_FOLDER}\")")
endfunction()
