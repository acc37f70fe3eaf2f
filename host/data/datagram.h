/*
 * Datagrams: their head (peer, own address, size …), and queues of them. A queue has its datagrams one behind
 * the other in one piece of memory. Only values: no loop, no descriptor.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_DATAGRAM_H
#define MP_DATAGRAM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/address.h"

/* The most bytes that one datagram can carry. */
#define MP_MOST_OF_IPV4 65507
#define MP_MOST_OF_IPV6 65527

/* An address and a port as the system has them. */
typedef union mp_socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} mp_socket_address;

/* What is known of a datagram besides its bytes. Of one to be sent, what is unknown is the system's
   choice. */
typedef struct mp_datagram_head {
    mp_socket_address peer; /* from where, or to where; family AF_UNSPEC: to the peer of a connected socket */
    uint32_t size;          /* of its bytes; of a truncated one, those that are left */
    uint32_t whole;         /* the size with which it arrived */
    uint32_t interface;     /* where it arrived, or leaves; 0: unknown */
    mp_address local;       /* our address: where it was sent to, or leaves from; Null: unknown */
    int16_t hop_limit;      /* -1: unknown */
    int16_t service;        /* the byte of type of service or traffic class; -1: unknown */
    double time;            /* milliseconds since 1970 */
} mp_datagram_head;

/* A datagram in a queue or a slot; valid until the next call on that. */
typedef struct mp_datagram {
    const mp_datagram_head *head;
    const char *data;
} mp_datagram;

/* A head without any knowledge. */
void mp_datagram_head_init(mp_datagram_head *head);

/* The peer; mapped IPv4 addresses are IPv4. */
void mp_datagram_peer(const mp_datagram_head *head, mp_address *address, uint16_t *port);

/* Puts an address into the form that a socket of IPv6 (if `v6`) or IPv4 needs. Returns 0, or -EAFNOSUPPORT
   if none exists; a socket of IPv6 takes IPv4 in its mapped form. */
int mp_socket_address_set(mp_socket_address *out, const mp_address *address, uint16_t port, bool v6);

static inline socklen_t mp_socket_address_size(const mp_socket_address *address) {
    return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

/* --- queues --------------------------------------------------------------------------------------------- */

/* Zeroed at first. */
typedef struct mp_datagram_queue {
    char *memory;
    size_t capacity, start, end;
    size_t bytes; /* of the datagrams in it, with their heads; what limits count */
    size_t payload;
    uint32_t count;
} mp_datagram_queue;

/* The bytes that a datagram takes in a queue. */
size_t mp_datagram_room(size_t size);

/* Appends a copy. Returns 0 or -ENOMEM. */
int mp_datagram_queue_append(mp_datagram_queue *queue, const mp_datagram_head *head, const char *data);

/* Fills in the oldest ones, at most `most`, and returns their number. */
int mp_datagram_queue_look(const mp_datagram_queue *queue, mp_datagram *out, int most);

/* Removes the oldest one. Its bytes stay valid until the next append, move or clear. */
void mp_datagram_queue_drop(mp_datagram_queue *queue);

/* Frees the memory of an empty queue that was once long. */
void mp_datagram_queue_trim(mp_datagram_queue *queue);

void mp_datagram_queue_clear(mp_datagram_queue *queue);

#endif
