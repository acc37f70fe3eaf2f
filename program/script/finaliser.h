/*
 * Finalisers of a run that doesn't serve: those that the collector calls while its main chunk is being
 * loaded, or after it has failed. No hook runs in a finaliser, so these run in a coroutine, where hooks do.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_FINALISER_H
#define PROGRAM_FINALISER_H

#include <lua.h>
#include <stdbool.h>

/* Gives the globals at `globals` a setmetatable that guards finalisers. At `run` is a table whose first field
   is the run's number until it serves, then false. May raise. */
void program_guard_finalisers(lua_State *L, int globals, int run);

/* The run serves from now on: restores Lua's setmetatable, unless the script has replaced it. Never
   raises. */
void program_trust_finalisers(lua_State *L, int globals);

/* True if such a finaliser is running. Then the calling code belongs to it. */
bool program_runs_guarded_finaliser(void);

/* True if the coroutine has the hook of these. */
bool program_is_finalising(lua_State *L);

#endif
