/*
 * moonport.resp.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_RESP_H
#define BINDING_RESP_H

#include <lua.h>

#include "data/resp.h"

__attribute__((visibility("default"))) int luaopen_moonport_resp(lua_State *L);

/* The bounds of a reader, from the options at index 1, which may be left out. They raise for unknown ones. In
   resp_bounds.c. */
mp_resp_limits binding_command_limits(lua_State *L);
mp_resp_limits binding_reply_limits(lua_State *L);

/* Adds what writes: `command`, and a server's replies; in resp_text.c. */
void binding_open_resp_text(lua_State *L);

#endif
