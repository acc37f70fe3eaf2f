/*
 * The text of the script and of its modules: a run reads it once, keeps it, and compiles it for its globals.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SOURCE_H
#define PROGRAM_SOURCE_H

#include <lua.h>
#include <stdbool.h>

#include "script/compile.h"

enum program_compiled { PROGRAM_COMPILED, PROGRAM_WRONG, PROGRAM_WAITS };

/* Compiles a file ("-": standard input) for the environment, and pushes the function or a message. Uses the
   text that the environment already has, if any. With an idle compiler the result may be PROGRAM_WAITS: the
   compiler has begun, and nothing is pushed. May raise on lack of memory. */
enum program_compiled program_compile(lua_State *L, const char *path, int environment,
                                      program_compiler *compiler);

/* The compiler ended with the file: pushes the function, or a message and returns false. May raise on lack
   of memory. */
bool program_take_compiled(lua_State *L, const char *path, int environment, program_compiler *compiler);

#endif
