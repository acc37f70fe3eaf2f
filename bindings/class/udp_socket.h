/*
 * moonport.UdpSocket.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_UDP_SOCKET_H
#define BINDING_UDP_SOCKET_H

#include "object/state.h"

void binding_open_udp_socket(lua_State *L, binding_state *state);

/* The constructor; upvalues as of all functions of the module. */
int binding_new_udp_socket(lua_State *L);

/* Methods of the other files of the class. */
extern const luaL_Reg binding_udp_datagram_methods[];
extern const luaL_Reg binding_udp_waiting[];
extern const luaL_Reg binding_udp_facts[];

#endif
