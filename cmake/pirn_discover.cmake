# SPDX-License-Identifier: MIT
# Registers the tests of one GoogleTest program. ctest includes it when it starts, by way of the small file that
# pirn_register_suites() in pirn_programs.cmake writes, which sets
#   program  path of the program         prefix      the room, before each name
#   alone    patterns of tests           properties  of each entry, as for set_tests_properties
#   listing  a file for what is found    settings    one set of entries for each, as NAME=value; may be empty
#   slow     names of suites whose entries have slow_properties instead; may be empty, or not set
#
# A suite is one entry, <prefix>.<suite>, and runs in one process: to start a process for each of thousands of tests
# takes longer than to run them. A test that matches a pattern of `alone` has a process, and an entry
# <prefix>.<suite>.<test>, to itself. With a setting, @<value> follows the name.

if(NOT EXISTS "${program}")
    add_test("${prefix}_NOT_BUILT" "${program}")
    return()
endif()

# pirn_entry(name filter): one entry, with the properties of its suite.
function(pirn_entry name filter)
    set(suffix "")
    list(FIND slow "${suite}" at)
    if(NOT at EQUAL -1)
        set(properties "${slow_properties}")
    endif()
    set(environment "")
    if(setting)
        string(REGEX REPLACE "^[^=]*=" "@" suffix "${setting}")
        set(environment "ENVIRONMENT [==[${setting}]==]")
    endif()
    file(APPEND "${listing}.new" "add_test([==[${prefix}.${name}${suffix}]==] [==[${program}]==] [==[--gtest_filter=${filter}]==])\n"
         "set_tests_properties([==[${prefix}.${name}${suffix}]==] PROPERTIES ${properties} ${environment})\n")
endfunction()

# pirn_entries(suite tests): the suite without what runs alone, and each test that does.
function(pirn_entries suite tests)
    set(filter "${suite}.*")
    set(separator "-")
    set(together FALSE)
    foreach(test IN LISTS tests)
        if(pattern AND "${suite}.${test}" MATCHES "${pattern}")
            pirn_entry("${suite}.${test}" "${suite}.${test}")
            string(APPEND filter "${separator}${suite}.${test}")
            set(separator ":")
        else()
            set(together TRUE)
        endif()
    endforeach()
    if(together)
        pirn_entry("${suite}" "${filter}")
    endif()
endfunction()

if(NOT EXISTS "${listing}" OR "${program}" IS_NEWER_THAN "${listing}" OR "${registered}" IS_NEWER_THAN "${listing}")
    execute_process(COMMAND "${program}" --gtest_list_tests OUTPUT_VARIABLE listed COMMAND_ERROR_IS_FATAL ANY TIMEOUT 60)

    # Patterns are GoogleTest's, with * alone, and become one regular expression.
    set(pattern "")
    foreach(glob IN LISTS alone)
        string(REGEX REPLACE "([][+.?()^$\\\\])" "\\\\\\1" glob "${glob}")
        string(REPLACE "*" ".*" glob "${glob}")
        string(APPEND pattern "|^${glob}$")
    endforeach()
    string(REGEX REPLACE "^\\|" "" pattern "${pattern}")

    if(NOT settings)
        set(settings "-")
    endif()
    file(WRITE "${listing}.new" "")
    foreach(setting IN LISTS settings)
        if(setting STREQUAL "-")
            set(setting "")
        endif()
        set(suite "")
        set(tests "")
        # A suite stands at the margin and ends with a dot, its tests are indented; a comment may follow each.
        string(REGEX REPLACE " *#[^\n]*" "" lines "${listed}")
        string(REGEX MATCHALL "[^\n]+" lines "${lines}")
        foreach(line IN LISTS lines)
            if(line MATCHES "^([^ ].*)\\.$")
                set(next "${CMAKE_MATCH_1}")
                pirn_entries("${suite}" "${tests}")
                set(suite "${next}")
                set(tests "")
            elseif(line MATCHES "^  (.+)$" AND suite)
                list(APPEND tests "${CMAKE_MATCH_1}")
            endif()
        endforeach()
        pirn_entries("${suite}" "${tests}")
    endforeach()
    file(RENAME "${listing}.new" "${listing}")
endif()
include("${listing}")
