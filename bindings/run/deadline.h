/*
 * moonport.deadline.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_DEADLINE_H
#define BINDING_DEADLINE_H

#include "object/state.h"

/* Prepares the state for deadlines. Raises on lack of memory. */
void binding_open_deadlines(lua_State *L, binding_state *state);

/* deadline, for the module's table. */
extern const luaL_Reg binding_deadline_functions[];

#endif
