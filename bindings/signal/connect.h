/*
 * moonport.connect, moonport.disconnect and the Connection class.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_CONNECT_H
#define BINDING_CONNECT_H

#include "object/box.h"

/* A Connection userdata; user values are the handler and the object. */
typedef struct binding_connection {
    bool active, single_shot;
    enum mp_signal signal;
} binding_connection;

/* Pushes the array of Connections of `signal`; false and another value if there are none. The object is at
   `self`. */
bool binding_push_connections(lua_State *L, int self, enum mp_signal signal);

/* connection -> ; removes it from its object's list. May raise. */
int binding_deactivate(lua_State *L);

void binding_open_connections(lua_State *L, binding_state *state);

/* connect and disconnect, for the module's table. */
extern const luaL_Reg binding_connection_functions[];

#endif
