# SPDX-License-Identifier: MIT
# Resolves PIRN_CONTEXT to PIRN_CONTEXT_CHOSEN. The choice is public: the switch is inlined into user
# code, so library and user must be compiled with the same one (see include/pirn/arch/context.hpp).

set(has_x86_64_sysv FALSE)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux"
   AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$"
   AND CMAKE_SIZEOF_VOID_P EQUAL 8
   AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    set(has_x86_64_sysv TRUE)
endif()

if(PIRN_CONTEXT STREQUAL "auto")
    if(has_x86_64_sysv)
        set(PIRN_CONTEXT_CHOSEN x86_64_sysv)
    else()
        set(PIRN_CONTEXT_CHOSEN ucontext)
    endif()
elseif(PIRN_CONTEXT STREQUAL "x86_64_sysv")
    if(NOT has_x86_64_sysv)
        message(FATAL_ERROR "PIRN_CONTEXT=x86_64_sysv needs gcc or clang for 64-bit x86 Linux; use auto")
    endif()
    set(PIRN_CONTEXT_CHOSEN x86_64_sysv)
elseif(PIRN_CONTEXT STREQUAL "ucontext")
    set(PIRN_CONTEXT_CHOSEN ucontext)
else()
    message(FATAL_ERROR "PIRN_CONTEXT is '${PIRN_CONTEXT}'; it may be auto, x86_64_sysv or ucontext")
endif()

set(PIRN_PUBLIC_DEFINITIONS "")
if(PIRN_CONTEXT_CHOSEN STREQUAL "ucontext")
    set(PIRN_PUBLIC_DEFINITIONS PIRN_CONTEXT_UCONTEXT=1)
endif()
