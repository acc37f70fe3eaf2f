/*
 * moonport.LocalSocket.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_LOCAL_SOCKET_H
#define BINDING_LOCAL_SOCKET_H

#include "net/local_socket.h"
#include "net/tcp_server.h"
#include "object/state.h"

void binding_open_local_socket(lua_State *L, binding_state *state);

/* The constructor; upvalues as of all functions of the module. */
int binding_new_local_socket(lua_State *L);

/* Pushes a fresh socket, of `server` if it isn't NULL. */
mp_local_socket *binding_push_new_local_socket(lua_State *L, binding_state *state,
                                               const mp_tcp_server *server);

/* Methods that stand in a file of their own. */
extern const luaL_Reg binding_local_socket_descriptors[];

#endif
