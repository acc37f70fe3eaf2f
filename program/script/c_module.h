/*
 * C modules: one of them is loaded once for all runs, and stays as it was loaded.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_C_MODULE_H
#define PROGRAM_C_MODULE_H

#include <lua.h>

#include "system/log.h"

/* Notes the file of each C module that is loaded from now on. May raise. */
void program_note_c_modules(lua_State *L);

/* Loads the C module of this file: pushes its function, and then its file. Raises if it can't. */
void program_load_c_module(lua_State *L, const char *name, const char *path);

/* Adds those below the script's folder to the environment's sources, so that they are watched. May raise. */
void program_watch_c_modules(lua_State *L, int environment);

/* Logs which of them stand in a file that has changed since. */
void program_warn_of_c_modules(lua_State *L, enum mp_log_level threshold);

#endif
