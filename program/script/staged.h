/*
 * Whose code calls: that of a generation which serves or has served, or of one that doesn't yet, or was given
 * up. It is told by the globals of the functions on the stack, since a finaliser may run at any time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_STAGED_H
#define PROGRAM_STAGED_H

#include <lua.h>
#include <stdbool.h>

/* The table on top, which is popped, is the globals of this generation, which doesn't serve yet. May
   raise. */
void program_stage_globals(lua_State *L, unsigned generation);

/* The generation serves from now on. Never raises. */
void program_serve_globals(lua_State *L, unsigned generation);

/* Does code of a generation call that doesn't serve? May raise for want of stack. */
bool program_is_called_by_staged(lua_State *L);

#endif
