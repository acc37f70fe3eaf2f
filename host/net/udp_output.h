/*
 * Sending datagrams. What handlers write is queued, and leaves at the end of the turn, up to 32 datagrams in
 * one call of the system.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_UDP_OUTPUT_H
#define MP_UDP_OUTPUT_H

#include "net/udp_state.h"

/*
 * Queues a datagram to head->peer, or without one (AF_UNSPEC) to the peer of a connected socket. Faults:
 * DATAGRAM_TOO_LARGE; WRITE_BUFFER_FULL: write_limit is reached; NOT_CONNECTED: the socket has no descriptor,
 * or the peer is missing; RESOURCE. The socket must be held.
 */
enum mp_fault mp_udp_write(mp_udp_socket *socket, mp_datagram_head *head, const char *data);

/* Sends what it can now. Returns the number of datagrams that the system took. */
size_t mp_udp_flush(mp_udp_socket *socket);

/* The phase of a turn. */
void mp_udp_send_all(mp_network *network);

/* Drops what is queued. */
void mp_udp_drop_output(mp_udp_socket *socket);

#endif
