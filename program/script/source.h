/*
 * The text of the script and of its modules: read once for a run, kept with it, compiled for its globals.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SOURCE_H
#define PROGRAM_SOURCE_H

#include <lua.h>
#include <stdbool.h>

/* Pushes the contents of a file, or a message and returns false. May raise on lack of memory. */
bool program_push_file(lua_State *L, const char *path);

/* Compiles a file ("-": standard input) for the environment: pushes the function, or a message and returns false. The text is
   that which the environment has already, if any. May raise on lack of memory. */
bool program_compile(lua_State *L, const char *path, int environment);

#endif
