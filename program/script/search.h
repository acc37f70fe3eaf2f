/*
 * Where the modules of a run are: those of the script's folder, Lua's and C's.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SEARCH_H
#define PROGRAM_SEARCH_H

#include <lua.h>
#include <stdbool.h>

/* Is a file below the script's folder, or below that of what a linked script leads to? */
bool program_is_own(lua_State *L, int environment, const char *path);

/* Takes the name of a module from the stack and pushes the file that the run has it from; false, and nil, if
   it isn't one of the script's folder. Raises if package.path is no string. */
bool program_push_module_path(lua_State *L, int environment);

/* Can a template of package.path name files in the folder? Not if one of its characters means something
   there. */
bool program_fits_template(const char *folder);

/* The same for a C module that stands beside the script, where package.cpath can't say so: pushes its file;
   or nothing and false. */
bool program_push_c_module_path(lua_State *L, int environment, const char *name);

#endif
