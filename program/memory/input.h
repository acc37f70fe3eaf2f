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

/* Has the loop receive into memory that strings can keep, where there is some. */
void program_lend_input(lua_State *L, binding_state *state);

/* Pushes all that is unread where it lies, and has it read; false: it can't. For binding_host. */
bool program_adopt_input(lua_State *L, mp_stream *socket);

/* Gives the memory of what is free back to the system. */
void program_trim_input(void);

/* For pool.c: is the block of a string that keeps its input? Frees one. The place for the string that is
   being made of input, or NULL if a block of that size is for something else. */
bool program_is_input(const void *block);
void program_free_input(void *block);
void *program_place_input(size_t size);

#endif
