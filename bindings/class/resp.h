/*
 * moonport.resp.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_RESP_H
#define BINDING_RESP_H

#include <lua.h>

__attribute__((visibility("default"))) int luaopen_moonport_resp(lua_State *L);

/* Adds what writes: `command`, and a server's replies; in resp_text.c. */
void binding_open_resp_text(lua_State *L);

#endif
