/*
 * moonport.TcpServer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_TCP_SERVER_H
#define BINDING_TCP_SERVER_H

#include "net/tcp_server.h"
#include "object/state.h"

void binding_open_tcp_server(lua_State *L, binding_state *state);

/* The constructor; upvalues as of all functions of the module. */
int binding_new_tcp_server(lua_State *L);

/* A class of servers that is based on this one: with these methods beside, or NULL, which may stand in place
   of some; finalised by `gc`. */
void binding_open_server_class(lua_State *L, binding_state *state, enum mp_kind kind, const luaL_Reg *own,
                               lua_CFunction gc);

/* Methods of all of them. */
int binding_server_listen(lua_State *L);
int binding_server_set_socket_descriptor(lua_State *L);

/* Listens at the name of a Unix-domain socket -> true | nil, message, code. The server is at index 1. */
int binding_server_listen_at(lua_State *L, mp_tcp_server *server, const mp_local_name *name);

/* The name at `index` can't be used -> nil, message, code */
int binding_server_no_name(lua_State *L, mp_tcp_server *server, int index, enum mp_fault fault);

/* Methods that are in tcp_server_listen.c. */
extern const luaL_Reg binding_server_listening[];

#endif
