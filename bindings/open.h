/*
 * Opening the bindings in a Lua state.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_OPEN_H
#define BINDING_OPEN_H

#include "object/state.h"

/* Makes the state, its loop and the module's table, and leaves the table on the stack. Raises on lack of
   memory. */
binding_state *binding_open(lua_State *L);

/* lua_CFunction for `require "moonport"`. */
__attribute__((visibility("default"))) int luaopen_moonport(lua_State *L);

#endif
