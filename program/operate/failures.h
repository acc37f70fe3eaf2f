/*
 * The last different errors of the script's code, each with its number of times, for `moonport ctl errors`.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_FAILURES_H
#define PROGRAM_FAILURES_H

#include "object/state.h"

#define PROGRAM_FAILURES 50

typedef struct program_failure {
    uint64_t hash;       /* of its message */
    uint64_t count;      /* 0: this place is free */
    double first, last;  /* milliseconds since 1970 */
    unsigned generation; /* of the last time, */
    char *line, *trace;  /* and its words */
} program_failure;

typedef struct program_failures_kept {
    program_failure kept[PROGRAM_FAILURES];
} program_failures_kept;

/* Counts an error, or keeps it in the place of the one that is the longest ago. Without memory it does
   nothing. */
void program_keep_failure(program_failures_kept *self, double now, unsigned generation,
                          const binding_failure *failure);

/* Forgets all. */
void program_free_failures(program_failures_kept *self);

#endif
