/*
 * Where the modules of a run are: those of the script's folder, Lua's and C's.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SEARCH_H
#define PROGRAM_SEARCH_H

#include <lua.h>
#include <stdbool.h>

/* True if the file is below the script's folder, or below that of a linked script's target. */
bool program_is_own(lua_State *L, int environment, const char *path);

/* Takes the name of a module from the stack, and pushes its file in the script's folder; or nil, and returns
   false. Raises if package.path isn't a string. */
bool program_push_module_path(lua_State *L, int environment);

/* True if a template of package.path can name files in the folder: none of its characters has a meaning
   there. */
bool program_fits_template(const char *folder);

/* The same for a C module beside the script in a folder that package.cpath can't name: pushes its file; or
   nothing, and returns false. */
bool program_push_c_module_path(lua_State *L, int environment, const char *name);

/* Pushes the file of the module in the path whose templates are on top, or nothing and returns false. May
   raise. */
bool program_push_module_in(lua_State *L, const char *name);

#endif
