/*
 * The limits of connections: methods of servers and sockets.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_LIMITS_H
#define BINDING_LIMITS_H

#include <lauxlib.h>

extern const luaL_Reg binding_server_limit_methods[], binding_socket_limit_methods[];

#endif
