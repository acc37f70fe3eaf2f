/*
 * Paths of tables, "persist.rooms[*].members", and what is at each. They are bounded: what is beyond counts
 * for the path above it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_PATHS_H
#define PROGRAM_PATHS_H

#include <stddef.h>
#include <stdint.h>

#define PROGRAM_PATHS 16384 /* places; half of them are used at most */

typedef struct program_path {
    unsigned parent; /* the path before its last part; 0: there is none */
    unsigned depth;
    char *name;                      /* its last part; NULL: this place is free */
    uint64_t tables, entries, bytes; /* bytes with those of strings */
} program_path;

/* All zero at first. */
typedef struct program_paths {
    program_path places[PROGRAM_PATHS]; /* the first is of what has no path */
    unsigned used;
} program_paths;

/* The place of a part behind a parent. */
unsigned program_path_of(program_paths *self, unsigned parent, const char *name);

/* Writes the path into `text`, which it returns. */
const char *program_path_text(const program_paths *self, const program_path *path, char *text, size_t size);

void program_free_paths(program_paths *self);

#endif
