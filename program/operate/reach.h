/*
 * What a script's memory consists of: a walk over the tables that can be reached from its globals, from
 * moonport.persist, from connections and waiting tasks, from the variables of functions, and from modules. It
 * goes on between the service's events, which change the tables meanwhile, so its numbers are approximate.
 *
 * Tables are added up by their path. All elements of a large table have one path, "rooms[*]".
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_REACH_H
#define PROGRAM_REACH_H

#include "object/state.h"
#include "operate/paths.h"

typedef struct program_reach program_reach;

/* Begins a walk. NULL: no memory. */
program_reach *program_begin_reach(binding_state *state);

/* Goes on for a millisecond. True: there is more. Its tables may have changed in a way that it can't follow;
   then it skips them. */
bool program_go_on_reaching(program_reach *self);

/* What was found, until the walk is ended. */
const program_paths *program_reached(const program_reach *self);

/* True if there was too much to look at all of it. */
bool program_reach_is_cut(const program_reach *self);

void program_end_reach(program_reach *self);

#endif
