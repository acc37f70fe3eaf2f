/*
 * What a watchdog needs of Lua's own functions.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_WATCHED_H
#define BINDING_WATCHED_H

#include "object/state.h"

/* From a hook on L: ends the late code that runs there, with an error that says `why`, or what the first of
   these calls said in the same late code. If L is the coroutine of the running task and can yield, it does:
   no pcall catches that, and hooks guard its variables as they are closed. Otherwise L gets the error. If L
   dies of that, no hook runs in it any more, so its variables aren't closed. */
void binding_cut(lua_State *L, binding_state *state, const char *why);

/* Replaces xpcall, which does the same, but where state->watch.raises it calls no message handler with the
   error of a hook. */
void binding_watch_messages(lua_State *L, binding_state *state);

/* Replaces resume, wrap and close of the global `coroutine`. They do the same, and a watchdog sees in which
   coroutine code runs. */
void binding_watch_coroutines(lua_State *L, binding_state *state);

#endif
