// SPDX-License-Identifier: MIT
//
// --help for the rivals, which are programs in C and in C++ that tools/compare.py runs.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// answer_help: with --help as the first word, prints the usage and what is measured, and ends the program.
static inline void answer_help(int argc, char** argv, const char* options, const char* summary) {
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        printf("usage: %s %s\n\n%s\n", argv[0], options, summary);
        exit(0);
    }
}
