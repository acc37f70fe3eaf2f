/*
 * Multicast of UDP sockets: groups, and the interface by which datagrams to groups leave. A socket that will
 * take over the descriptor of another one notes what it wants until then.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_UDP_GROUP_H
#define MP_UDP_GROUP_H

#include "net/udp_state.h"

/* Joins a group on the interface with this index; 0: the scope of the address, or the system's choice.
   Faults: NOT_CONNECTED: it isn't bound; ADDRESS_NOT_AVAILABLE: not a multicast address, or one of the other
   family, or no such interface; ADDRESS_IN_USE: joined already; RESOURCE; ... */
enum mp_fault mp_udp_join(mp_udp_socket *socket, const mp_address *group, uint32_t interface);

/* Leaves it. ADDRESS_NOT_AVAILABLE: the socket hasn't joined it. */
enum mp_fault mp_udp_leave(mp_udp_socket *socket, const mp_address *group, uint32_t interface);

enum mp_fault mp_udp_set_multicast_interface(mp_udp_socket *socket, uint32_t interface);

/* An option of socket_option.h, noted for later if the descriptor isn't its own yet. Returns 0, -EBADF
   without a descriptor, or another -errno. */
int mp_udp_set_option(mp_udp_socket *socket, int option, int value);
int mp_udp_option(const mp_udp_socket *socket, int option, int *value);

/* It has got the descriptor of `old`: joins and leaves until the groups are those that it wants, and sets
   what it has noted. */
void mp_udp_take_groups(mp_udp_socket *socket, mp_udp_socket *old);

/* The descriptor is closed, and has left all groups. */
void mp_udp_forget_groups(mp_udp_socket *socket);

#endif
