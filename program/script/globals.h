/*
 * The globals of a run, and how installed modules see them.
 *
 * Each run has a table of globals of its own. Installed modules are loaded once for all runs, into the
 * state's table of globals: that one is empty but for a few functions, and stands for the globals of whatever
 * run the calling code belongs to. So a module finds what the script has set, and the script what the module
 * sets; what a module has set is there in every run, since it sets it only once. Where a module treats the
 * table as a value (rawset, next, setmetatable …) it gets the run's.
 *
 * What else was tried: the run's table itself as `_G` for modules. Those that keep it in a local, as many do,
 * then see the globals of the first run for ever, and keep that run in memory.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_GLOBALS_MODULE_H
#define PROGRAM_GLOBALS_MODULE_H

#include <lua.h>

/* Makes the state's globals what they are for installed modules; once, when all of the host's own are there.
   May raise. */
void program_share_globals(lua_State *L);

/* Pushes a fresh table with Lua's globals, and those that modules have set. May raise. */
void program_push_globals(lua_State *L);

/* Pushes a global as Lua has it. */
void program_push_standard_global(lua_State *L, const char *name);

/* The table on top, which is popped, is the globals of the run of this generation. May raise. */
void program_register_globals(lua_State *L, unsigned generation);

/* Has the globals of older runs live as long as handlers and connections of theirs do; after each reload.
   Never raises. */
void program_keep_globals(lua_State *L);

/* Hands over what a module has put into the state's globals as a raw table; after one was loaded. May
   raise. */
void program_collect_globals(lua_State *L);

#endif
