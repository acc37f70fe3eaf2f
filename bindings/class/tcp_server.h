/*
 * moonport.TcpServer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_TCP_SERVER_H
#define BINDING_TCP_SERVER_H

#include "object/state.h"

void binding_open_tcp_server(lua_State *L, binding_state *state);

/* The constructor; upvalues as of all functions of the module. */
int binding_new_tcp_server(lua_State *L);

#endif
