/*
 * The text of the script and of its modules: read once for a run, kept with it, compiled for its globals.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SOURCE_H
#define PROGRAM_SOURCE_H

#include <lua.h>
#include <stdbool.h>

#include "script/compile.h"

/* Keeps a descriptor for the time that no other is left. */
void program_hold_descriptor(void);

/* Lends it to what opens files by itself; to be followed by program_hold_descriptor. */
void program_lend_descriptor(void);

/* Pushes the contents of a file, or a message and returns false. Nothing but files is read, since anything
   else may be waited for, unless it is the script at the start (`pipes`). May raise on lack of memory. */
bool program_push_file(lua_State *L, const char *path, bool pipes);

enum program_compiled { PROGRAM_COMPILED, PROGRAM_WRONG, PROGRAM_WAITS };

/* Compiles a file ("-": standard input) for the environment, and pushes the function or what is wrong. The
   text is that which the environment has already, if any. With a compiler, which has nothing to do, it may be
   PROGRAM_WAITS: that has begun with it, and nothing is pushed. May raise on lack of memory. */
enum program_compiled program_compile(lua_State *L, const char *path, int environment,
                                      program_compiler *compiler);

/* The compiler has ended: pushes the function, or a message and returns false. */
bool program_take_compiled(lua_State *L, int environment, program_compiler *compiler);

#endif
