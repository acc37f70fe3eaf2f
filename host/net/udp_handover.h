/*
 * Hands a bound descriptor with its unread datagrams from one UDP socket to another, in one step: for a
 * reload. The socket that gave it away can still write: a handler of the former run may have to answer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_UDP_HANDOVER_H
#define MP_UDP_HANDOVER_H

#include "net/udp_state.h"

/* Notes the arguments of bind. */
void mp_udp_note_request(mp_udp_socket *socket, const mp_address *address, uint16_t port, int mode);

/* True if it is bound as the result of bind with these arguments, and no socket claims it. */
bool mp_udp_can_be_claimed(const mp_udp_socket *socket, const mp_address *address, uint16_t port, int mode);

/* `socket`, which mp_udp_socket_prepare was called for, will take over `old`'s descriptor; until then it
   returns `old`'s address as its own. Signals stateChanged(Bound). Both must be held. */
void mp_udp_claim(mp_udp_socket *socket, mp_udp_socket *old);

/* It can't be bound before its run takes over, since a socket of the former run is in its way: notes the
   arguments. Signals as a bind. */
void mp_udp_defer(mp_udp_socket *socket, const mp_address *address, uint16_t port, int mode);

/* Its run is about to take over: does the bind that was deferred, beside those that are in its way. */
enum mp_fault mp_udp_open(mp_udp_socket *socket);

/* Takes over the claimed descriptor. The other socket has none from then on, without any signal. */
void mp_udp_take_over(mp_udp_socket *socket);

/* Cancels a claim. */
void mp_udp_unclaim(mp_udp_socket *socket);

/* It closes its descriptor: a socket that claims that loses it. */
void mp_udp_lose(mp_udp_socket *socket);

/* The socket that writes for this one: itself, the one that it claims, or the one that has its descriptor
   now. */
mp_udp_socket *mp_udp_writer(mp_udp_socket *socket);

/* It is bound anew, or vanishes: nobody writes for it, and those for whom it writes get its heir. */
void mp_udp_end_succession(mp_udp_socket *socket);

#endif
