/*
 * The descriptors of UDP sockets.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_UDP_BIND_H
#define MP_UDP_BIND_H

#include "net/udp_state.h"

/* Gives the socket a fresh descriptor that is bound there, whatever its state. ANY is 0.0.0.0 if there is no
   IPv6. */
enum mp_fault mp_udp_open_bound(mp_udp_socket *socket, const mp_address *address, uint16_t port, int mode);

/* Gives it a fresh descriptor of this family without an address. Returns 0 or -errno. */
int mp_udp_open_unbound(mp_udp_socket *socket, bool v6);

#endif
