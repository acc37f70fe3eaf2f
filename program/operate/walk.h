/*
 * A walk over everything that can still happen: objects, and tasks that wait. All of them have a place in the
 * Lua state's registry (binding_anchor, the coroutines of tasks), so a walk is a number, survives whatever
 * happens between its slices, and sees each that is there all the time exactly once.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_WALK_H
#define PROGRAM_WALK_H

#include "object/generation.h"
#include "run/task.h"

/* What a place has; one of the two, or none. */
typedef struct program_found {
    mp_object *object;
    binding_task *task;
} program_found;

/* The number of places. */
lua_Integer program_places(binding_state *state);

/* What place `number` has, from 1 on. The value is pushed on state->L. */
program_found program_look_at(binding_state *state, lua_Integer number);

/* The socket at this place that has a connection or makes one; NULL: there is none. */
mp_stream *program_connection(program_found found);

/* "chat.lua:96" of the function at `index`, into `text`. Returns text; "" for none, or one in C. */
#define PROGRAM_LINE 96
const char *program_line_of(lua_State *L, int index, char *text);

#endif
