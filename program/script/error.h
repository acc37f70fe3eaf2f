/*
 * How the error of a main chunk is told.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_ERROR_H
#define PROGRAM_ERROR_H

#include <lua.h>

/* The text of the error value on top of a coroutine that it has ended, with a traceback unless the message
   was meant for people. `message` is the length of it without that. free releases it; NULL: out of memory.
   Never raises. */
char *program_error_text(lua_State *L, lua_State *co, size_t *message);

/* The same of what the coroutine is at, with the line. */
char *program_place_text(lua_State *co, const char *why);

#endif
