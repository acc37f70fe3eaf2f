/*
 * Where Lua's small objects come from.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_POOL_H
#define PROGRAM_POOL_H

#include <lua.h>

#include "object/state.h"

/* Has Lua's small objects come from a pool from now on, if there is memory for one. MOONPORT_MALLOC in the
   environment prevents it, for tools that watch malloc. */
void program_pool_memory(lua_State *L);

/* Has the pool itself look at what Lua frees, instead of the bindings' allocator in front of it. */
void program_keep_lost(lua_State *L, const binding_state *state);

/* Returns the memory of free slabs to the system. */
void program_trim_pool(void);

#endif
