/*
 * moonport.SslSocket.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SSL_SOCKET_H
#define BINDING_SSL_SOCKET_H

#include "net/tcp_server.h"
#include "object/state.h"
#include "tls/ssl_socket.h"

void binding_open_ssl_socket(lua_State *L, binding_state *state);

/* The constructor; upvalues as of all functions of the module. */
int binding_new_ssl_socket(lua_State *L);

/* Pushes a fresh socket, of `server` if it isn't NULL. */
mp_ssl_socket *binding_push_new_ssl_socket(lua_State *L, binding_state *state, const mp_tcp_server *server);

/* Pushes what comes with a signal of SslSockets and SslServers; `kind` is an enum mp_signal_argument. */
void binding_push_ssl_argument(lua_State *L, int kind, const mp_object *object, intptr_t argument);

/* Methods that stand in a file of their own. */
extern const luaL_Reg binding_ssl_socket_facts[];

/* Pushes the list of errors: { code =, message =, certificate = or nil }. */
void binding_push_ssl_errors(lua_State *L, const mp_tls_errors *errors);

#endif
