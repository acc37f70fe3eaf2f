/*
 * Input that becomes a string without being copied.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_INPUT_H
#define PROGRAM_INPUT_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "object/state.h"

/* Has the loop receive into memory that strings can take over, if there is any. */
void program_lend_input(lua_State *L, binding_state *state);

/* Pushes all unread bytes where they are, and marks them as read; false: it can't. For binding_host. */
bool program_adopt_input(lua_State *L, mp_stream *socket);

/* Returns the memory of free units to the system. */
void program_trim_input(void);

/* For pool.c: whether the block belongs to a string that took over its input; how to free one; the place for
   the string being made of input, or NULL if a block of that size is for something else. */
bool program_is_input(const void *block);
void program_free_input(void *block);
void *program_place_input(size_t size);

#endif
