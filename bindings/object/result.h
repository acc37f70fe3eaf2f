/*
 * What functions give back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_RESULT_H
#define BINDING_RESULT_H

#include <lua.h>

#include "data/error.h"

/* nil, "what: text", code */
int binding_fail(lua_State *L, const char *what, enum mp_fault fault);

/* true, or the above */
int binding_result(lua_State *L, const char *what, enum mp_fault fault);

/* Puts the function or nil at index 1 into a registry reference. */
int binding_set_reference(lua_State *L, int *reference);

#endif
