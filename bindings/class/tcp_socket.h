/*
 * moonport.TcpSocket.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_TCP_SOCKET_H
#define BINDING_TCP_SOCKET_H

#include "net/tcp_server.h"
#include "net/tcp_socket.h"
#include "object/state.h"

void binding_open_tcp_socket(lua_State *L, binding_state *state);

/* The constructor; upvalues as of all functions of the module. */
int binding_new_tcp_socket(lua_State *L);

/* Pushes a fresh socket, of `server` if it isn't NULL. */
mp_tcp_socket *binding_push_new_socket(lua_State *L, binding_state *state, const mp_tcp_server *server);

/* The upcall: the strings that tcp_socket_write.c has lent are not needed any more. */
void binding_flushed(mp_network *network);

/* Makes what tcp_socket_write.c needs of the state. Raises on lack of memory. */
void binding_open_writing(lua_State *L, binding_state *state);

/* Methods that stand in files of their own. */
extern const luaL_Reg binding_socket_device[], binding_socket_reading[], binding_socket_writing[],
    binding_socket_waiting[];

#endif
