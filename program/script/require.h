/*
 * `require` of a run: modules of the script's folder are the run's own, installed ones are shared by all
 * runs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_REQUIRE_H
#define PROGRAM_REQUIRE_H

#include <lua.h>

/* require(name), a closure with the environment as its upvalue. */
int program_require(lua_State *L);

#endif
