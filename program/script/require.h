/*
 * `require` of a run: modules of the script's folder are the run's own, installed ones are shared by all runs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_REQUIRE_H
#define PROGRAM_REQUIRE_H

#include <lua.h>
#include <stdbool.h>

/* require(name), a closure with the environment as its upvalue. */
int program_require(lua_State *L);

/* Takes the name of a module from the stack and pushes the file that the run has it from; false, and nil, if it isn't one of
   the script's folder. */
bool program_push_module_path(lua_State *L, int environment);

#endif
