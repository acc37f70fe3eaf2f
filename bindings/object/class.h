/*
 * The metatables of the classes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_CLASS_H
#define BINDING_CLASS_H

#include "object/state.h"

/* Makes a class's metatable with `methods` (upvalue: the state), and pushes both; `class` is its number. */
void binding_new_class(lua_State *L, binding_state *state, int class, const luaL_Reg *methods);

/* Adds a function to the table on top; upvalue: the state. */
void binding_set_function(lua_State *L, binding_state *state, const char *name, lua_CFunction function);

/* Pushes a new table whose keys or values, or both, are weak: "k", "v", "kv". */
void binding_push_weak_table(lua_State *L, const char *mode);

#endif
