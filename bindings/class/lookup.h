/*
 * moonport.lookup: the addresses of a name.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_LOOKUP_H
#define BINDING_LOOKUP_H

#include "object/state.h"

void binding_open_lookup(lua_State *L, binding_state *state);

/* lookup, for the module's table. */
extern const luaL_Reg binding_lookup_functions[];

#endif
