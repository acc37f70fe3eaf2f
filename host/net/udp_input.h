/*
 * Receiving datagrams. Each wake-up receives up to 32 into slots that all UDP sockets of the network share.
 * When all readable sockets have received, or no slot is free, the datagrams go to the handlers of
 * datagramReceived, and those of sockets without one into their queues.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_UDP_INPUT_H
#define MP_UDP_INPUT_H

#include "net/udp_state.h"

/* Receives into free slots. True: none is left, so the turn must go on before anybody else can receive. */
bool mp_udp_receive(mp_udp_socket *socket);

/* The phase of a turn: delivers what was received. */
void mp_udp_run(mp_network *network);

/* Looks again at the sockets in `again`: what is queued goes to a handler that can take it now, or is
   signalled. */
void mp_udp_look_again(mp_network *network);

/* In the upcall `datagrams`: takes the next datagram for a handler, the queued ones first; false: there is
   none, or as many handlers wait as may. It is valid until the next call for any UDP socket. */
bool mp_udp_next(mp_udp_socket *socket, mp_datagram *out);

/* The oldest unread datagram; false: there is none. */
bool mp_udp_peek(const mp_udp_socket *socket, mp_datagram *out);

/* Takes it, as mp_udp_next does. */
bool mp_udp_take(mp_udp_socket *socket, mp_datagram *out);

/* A suspended handler of it ended, or its limits have changed. */
void mp_udp_has_room(mp_udp_socket *socket);

/* A handler of readyRead has failed, perhaps before it read anything: makes sure that the next arrival is
   signalled, also if the queue is full. */
void mp_udp_handler_failed(mp_udp_socket *socket);

#endif
