/*
 * Whose code calls: a generation that serves or has served, or one that doesn't serve yet or was given up.
 * The globals of the functions on the stack show it, since a finaliser may run at any time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_STAGED_H
#define PROGRAM_STAGED_H

#include <lua.h>
#include <stdbool.h>

/* Notes the globals of a generation that doesn't serve yet: the table on top, which is popped. May raise. */
void program_stage_globals(lua_State *L, unsigned generation);

/* The generation serves from now on. Never raises. */
void program_serve_globals(lua_State *L, unsigned generation);

/* True if the calling code belongs to a generation that doesn't serve. May raise for want of stack. */
bool program_is_called_by_staged(lua_State *L);

#endif
