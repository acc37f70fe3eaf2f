/*
 * A bounded set of addresses: what a walk has seen.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SEEN_H
#define PROGRAM_SEEN_H

#include <stdbool.h>
#include <stddef.h>

typedef struct program_seen {
    const void **places;
    size_t room, used;
    bool full; /* something had no room */
} program_seen;

/* Adds an address. False: it is there already, or there is no room. */
bool program_see(program_seen *self, const void *address);

/* The address counts as new the next time. It has to be there. */
void program_forget_seen(program_seen *self, const void *address);

void program_free_seen(program_seen *self);

#endif
