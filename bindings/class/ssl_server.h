/*
 * moonport.SslServer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SSL_SERVER_H
#define BINDING_SSL_SERVER_H

#include "net/tcp_server.h"
#include "object/state.h"

void binding_open_ssl_server(lua_State *L, binding_state *state);

/* The constructor; upvalues as of all functions of the module. */
int binding_new_ssl_server(lua_State *L);

/* The upcall: has a handler of serverNameRequested choose. */
void binding_name_requested(mp_tcp_server *server, mp_stream *stream, const char *name);

#endif
