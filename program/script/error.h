/*
 * The text of a main chunk's error.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_ERROR_H
#define PROGRAM_ERROR_H

#include <lua.h>

/* The text of the error value on top of a coroutine that has failed, with a traceback unless the message is
   meant for people. `message` is the length without the traceback. free releases it; NULL: out of memory.
   Never raises. The coroutine `speaker` makes it: its hook guards the script's __tostring. */
char *program_error_text(lua_State *speaker, lua_State *co, size_t *message);

/* Replaces the error value on top of a coroutine by its message. Never raises. */
void program_make_message(lua_State *speaker, lua_State *co);

/* A text with the line where the coroutine is, and `why`. */
char *program_place_text(lua_State *co, const char *why);

#endif
