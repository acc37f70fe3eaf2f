/*
 * --check.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_CHECK_H
#define PROGRAM_CHECK_H

#include <lua.h>

#include "options.h"

/* Compiles the script and its modules, runs nothing. Returns the exit status. */
int program_check(lua_State *L, const program_options *options);

#endif
