/*
 * Connecting a UDP socket: it fixes the peer, whose datagrams are then the only ones that arrive.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_UDP_CONNECT_H
#define MP_UDP_CONNECT_H

#include "net/udp_state.h"

/*
 * QAbstractSocket::connectToHost on a socket that is bound, or for which mp_udp_socket_prepare was called.
 * The first address of the name that the system and, if it is bound, the socket can reach is the peer.
 * Signals: stateChanged(HostLookup), stateChanged(Connecting), hostFound, stateChanged(Connected), connected;
 * or stateChanged(Unconnected), errorOccurred. The object must be held. Faults: RESOURCE; those of a literal.
 */
enum mp_fault mp_udp_connect_to(mp_udp_socket *socket, const char *host, uint16_t port,
                                enum mp_protocol protocol);

/* Cancels a connect in progress, without a signal. */
void mp_udp_cancel_connect(mp_udp_socket *socket);

/* The same after a wait for it has timed out: stateChanged(Unconnected). */
void mp_udp_connect_timed_out(mp_udp_socket *socket);

#endif
