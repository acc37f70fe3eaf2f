/*
 * The results of functions.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_RESULT_H
#define BINDING_RESULT_H

#include <lua.h>

#include "net/stream_state.h"

/* nil, "what: text", code. Raises instead if a pipe or a file has the stream: the script should know. */
int binding_fail(lua_State *L, const char *what, enum mp_fault fault);

/* The same of a connection, in the words that its own last fault has. */
int binding_fail_of(lua_State *L, const char *what, const mp_stream *stream, enum mp_fault fault);

/* true, or the results above */
int binding_result(lua_State *L, const char *what, enum mp_fault fault);
int binding_result_of(lua_State *L, const char *what, const mp_stream *stream, enum mp_fault fault);

/* Replaces the error value on top by its text. Its __tostring is the script's, and may fail: then the text is
   that of the second error, which begins with its place. */
void binding_error_to_text(lua_State *L);

/* Puts the function or nil at index 1 into a registry reference. */
int binding_set_reference(lua_State *L, int *reference);

#endif
