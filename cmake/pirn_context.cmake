# SPDX-License-Identifier: MIT
# Resolves PIRN_CONTEXT to PIRN_CONTEXT_CHOSEN. The choice is public: the switch is inlined into user
# code, so library and user must be compiled with the same one (see include/pirn/arch/context.hpp).

# The ABIs that have a switch of their own, and the macro by which include/pirn/base/config.hpp calls
# each. The compiler is asked, as it is the one who knows: one machine may serve several ABIs.
set(PIRN_CONTEXT_ABIS x86_64_sysv aarch64_aapcs riscv64 arm_aapcs i386_sysv ppc64le_elfv2 s390x_elf)
set(macro_x86_64_sysv PIRN_CPU_X86_64)
set(macro_aarch64_aapcs PIRN_CPU_AARCH64)
set(macro_riscv64 PIRN_CPU_RISCV64)
set(macro_arm_aapcs PIRN_CPU_ARM)
set(macro_i386_sysv PIRN_CPU_I386)
set(macro_ppc64le_elfv2 PIRN_CPU_PPC64LE)
set(macro_s390x_elf PIRN_CPU_S390X)

set(PIRN_CONTEXT_NATIVE ucontext)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS}")
    set(target)
    if(CMAKE_CXX_COMPILER_TARGET AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
        set(target --target=${CMAKE_CXX_COMPILER_TARGET})
    endif()
    execute_process(
        COMMAND ${CMAKE_CXX_COMPILER} ${target} ${flags} -E -dM -x c++
                "${PROJECT_SOURCE_DIR}/include/pirn/base/config.hpp"
        OUTPUT_VARIABLE macros COMMAND_ERROR_IS_FATAL ANY)
    foreach(abi IN LISTS PIRN_CONTEXT_ABIS)
        if(macros MATCHES "#define ${macro_${abi}} ")
            set(PIRN_CONTEXT_NATIVE ${abi})
        endif()
    endforeach()
endif()

if(PIRN_CONTEXT STREQUAL "auto")
    set(PIRN_CONTEXT_CHOSEN ${PIRN_CONTEXT_NATIVE})
elseif(PIRN_CONTEXT STREQUAL "ucontext" OR PIRN_CONTEXT STREQUAL PIRN_CONTEXT_NATIVE)
    set(PIRN_CONTEXT_CHOSEN ${PIRN_CONTEXT})
elseif(PIRN_CONTEXT IN_LIST PIRN_CONTEXT_ABIS)
    message(FATAL_ERROR "PIRN_CONTEXT=${PIRN_CONTEXT}, but the compiler makes code for ${PIRN_CONTEXT_NATIVE}; use auto")
else()
    message(FATAL_ERROR "PIRN_CONTEXT is '${PIRN_CONTEXT}'; it may be auto, ucontext or one of ${PIRN_CONTEXT_ABIS}")
endif()

set(PIRN_PUBLIC_DEFINITIONS "")
if(PIRN_CONTEXT_CHOSEN STREQUAL "ucontext")
    set(PIRN_PUBLIC_DEFINITIONS PIRN_CONTEXT_UCONTEXT=1)
endif()
message(STATUS "pirn: the context switch is ${PIRN_CONTEXT_CHOSEN}")
