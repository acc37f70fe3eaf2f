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

/* Prepares the state's globals for installed modules; once, after the host's own are set. May raise. */
void program_share_globals(lua_State *L);

/* Pushes a fresh table with Lua's globals, and those that modules have set. May raise. */
void program_push_globals(lua_State *L);

/* Pushes a global as Lua has it. */
void program_push_standard_global(lua_State *L, const char *name);

/* The table on top, which is popped, is the globals of the run of this generation. May raise. */
void program_register_globals(lua_State *L, unsigned generation);

/* Keeps the globals of older runs as long as they have handlers and connections; call it after each reload.
   Never raises. */
void program_keep_globals(lua_State *L);

/* Shares with all runs what a module has set in the state's globals by rawset; call it after loading one. May
   raise. */
void program_collect_globals(lua_State *L);

#endif
