/*
 * Where Lua's small objects come from.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_POOL_H
#define PROGRAM_POOL_H

#include <lua.h>

/* Has Lua's small objects come from a pool from now on, where there is memory for one. MOONPORT_MALLOC in the
   environment forbids it, for tools that watch malloc. */
void program_pool_memory(lua_State *L);

/* Gives the memory of what is free back to the system. */
void program_trim_pool(void);

#endif
