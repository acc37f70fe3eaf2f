/*
 * UDP sockets with QUdpSocket's semantics, but for what D27 and D28 say (docs/differences.md). Like a stream
 * it is read and written through the loop: no handler runs inside a call, and what is written leaves at the
 * end of the turn. Receiving is in udp_input.h, sending in udp_output.h, multicast in udp_group.h, reloading
 * in udp_handover.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_UDP_SOCKET_H
#define MP_UDP_SOCKET_H

#include "net/udp_state.h"

/* Identifies an object as a UDP socket. */
extern const mp_behaviour mp_udp_socket_behaviour;

/* Makes a socket: UnconnectedState, without a descriptor. */
void mp_udp_socket_init(mp_udp_socket *socket, mp_network *network);

/* Ends it; no upcall follows. */
void mp_udp_socket_destroy(mp_udp_socket *socket);

/*
 * QUdpSocket::bind, with flags of enum mp_bind_mode; ANY receives IPv6 and IPv4 (0.0.0.0 if there is no
 * IPv6). Only from UnconnectedState; the object must be held. Each bind has a fresh descriptor. Signals
 * stateChanged(Bound), or errorOccurred. Faults: UNFINISHED, ADDRESS_IN_USE, ADDRESS_NOT_AVAILABLE,
 * PROTECTED, RESOURCE, ...
 */
enum mp_fault mp_udp_socket_bind(mp_udp_socket *socket, const mp_address *address, uint16_t port, int mode);

/* The first part of a bind, a claim or a connect, which the others that follow need. Faults: UNFINISHED,
   RESOURCE. */
enum mp_fault mp_udp_socket_prepare(mp_udp_socket *socket);

/* Adopts a datagram socket, which from now on is closed with this one. */
enum mp_fault mp_udp_socket_set_descriptor(mp_udp_socket *socket, int fd);

/* Closes after what is queued has been sent; what is unread is dropped. `device`: aboutToClose comes first,
   if it was connected. */
void mp_udp_socket_close(mp_udp_socket *socket, bool device);

/* Closes at once. */
void mp_udp_socket_abort(mp_udp_socket *socket);

/* Null and port 0 unless bound or connected; still known while the closing signals are delivered. */
void mp_udp_socket_local_address(const mp_udp_socket *socket, mp_address *address, uint16_t *port);
void mp_udp_socket_peer_address(const mp_udp_socket *socket, mp_address *address, uint16_t *port);

/* The socket after `previous` (NULL: the first) of those that are bound or connected; or NULL. */
mp_udp_socket *mp_udp_socket_next(const mp_network *network, const mp_udp_socket *previous);

/* True if anything waits to be sent. */
bool mp_udp_has_unsent(const mp_network *network);

#endif
