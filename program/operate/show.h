/*
 * How the console shows a value.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SHOW_H
#define PROGRAM_SHOW_H

#include <lua.h>

/* Replaces the value on top by its text: as tostring gives it, but a table without __tostring with some of
   its fields. May raise, and run code of the script. */
void program_show(lua_State *L);

#endif
