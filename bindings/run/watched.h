/*
 * What a watchdog needs of Lua's own functions.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_WATCHED_H
#define BINDING_WATCHED_H

#include "object/state.h"

/* Replaces resume, wrap and close of the global `coroutine`, and xpcall. They do the same, and a watchdog
   sees in which coroutine code runs; xpcall calls no message handler with the watchdog's error. */
void binding_watch_functions(lua_State *L, binding_state *state);

#endif
