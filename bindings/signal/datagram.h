/*
 * Datagrams for handlers of datagramReceived.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_DATAGRAM_H
#define BINDING_DATAGRAM_H

#include "object/datagram_info.h"
#include "net/udp_socket.h"

/* The upcall: emits datagramReceived for each datagram of the socket. */
void binding_datagrams(mp_udp_socket *socket);

/* What comes with datagramReceived where it is emitted like any signal; for the hook push_argument. */
void binding_push_datagram_argument(lua_State *L, const mp_object *object, intptr_t argument);

/* The info of the datagram whose handler is the running task, on this socket; else NULL. */
const binding_datagram_info *binding_running_datagram(const binding_state *state, const mp_object *object);

void binding_open_datagrams(lua_State *L, binding_state *state);

#endif
