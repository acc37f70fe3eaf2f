/*
 * moonport.LocalServer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_LOCAL_SERVER_H
#define BINDING_LOCAL_SERVER_H

#include "object/state.h"

void binding_open_local_server(lua_State *L, binding_state *state);

/* Pushes the table LocalServer: its constructor and removeServer. `generation` is the index of the
   module's. */
void binding_push_local_server_class(lua_State *L, binding_state *state, int generation);

#endif
