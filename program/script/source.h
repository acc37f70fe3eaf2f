/*
 * The text of the script and of its modules: read once for a run, kept with it, compiled for its globals.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SOURCE_H
#define PROGRAM_SOURCE_H

#include <lua.h>
#include <stdbool.h>

/* Keeps a descriptor for the time that no other is left. */
void program_hold_descriptor(void);

/* Lends it to what opens files by itself; to be followed by program_hold_descriptor. */
void program_lend_descriptor(void);

/* Pushes the contents of a file, or a message and returns false. Nothing but files is read, since anything
   else may be waited for, unless it is the script at the start (`pipes`). May raise on lack of memory. */
bool program_push_file(lua_State *L, const char *path, bool pipes);

/* Compiles a file ("-": standard input) for the environment: pushes the function, or a message and returns
   false. The text is that which the environment has already, if any. May raise on lack of memory. */
bool program_compile(lua_State *L, const char *path, int environment);

#endif
