/*
 * moonport.resp.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_RESP_H
#define BINDING_RESP_H

#include <lua.h>

__attribute__((visibility("default"))) int luaopen_moonport_resp(lua_State *L);

/* An option that is a whole number from 1 on. */
typedef struct binding_bound {
    const char *name;
    lua_Integer otherwise, most;
} binding_bound;

/* Reads the options at index 1, which may be left out; a list ends with a name of NULL. Raises for
   unknown ones. */
void binding_read_bounds(lua_State *L, const binding_bound *bounds, lua_Integer *values);

/* Adds what writes: `command`, and a server's replies; in resp_text.c. */
void binding_open_resp_text(lua_State *L);

#endif
