/*
 * Connecting: to a literal address, or to a name. Both families of a name are looked up at once, and the
 * attempts (race.h) begin when the IPv6 addresses are known, or those of IPv4 for 50 ms; what is found later
 * joins them. One time-out holds for all of it. What the outcome means, the socket says.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_CONNECTOR_H
#define MP_CONNECTOR_H

#include "data/address.h"
#include "data/error.h"
#include "net/network.h"

typedef struct mp_connector mp_connector;

/* Called from the loop, or by mp_connector_attempt. */
typedef struct mp_connector_owner {
    /* There are addresses. mp_connector_attempt is to follow. */
    void (*found)(mp_stream *stream);
    /* It is over: `fd` is connected to `address` and the owner's from now on, or -1, and `fault` says why.
       The owner is to free the connector. */
    void (*done)(mp_stream *stream, int fd, const mp_address *address, enum mp_fault fault);
} mp_connector_owner;

/* A connector for `stream`, on `own_fd` if that is not -1: a descriptor which stays the stream's. Returns 0
   or -ENOMEM. */
int mp_connector_new(mp_stream *stream, mp_network *network, const mp_connector_owner *owner, uint16_t port,
                     int own_fd, mp_connector **out);

/* Begins to connect to `host`, a literal address (`found` is called before this returns) or a name. Returns
   0, -ENOENT for a literal of the wrong family, or another -errno. */
int mp_connector_start(mp_connector *connector, const char *host, enum mp_protocol protocol);

/* Begins with the attempts, after `found`. */
void mp_connector_attempt(mp_connector *connector);

/* Sets a socket option on the descriptors that are there, and on each that is made later, before it connects:
   the one that wins has it. Returns 0, or the -errno of a descriptor that refuses: then none is made with it.
   mp_connector_option gives what was set so, or -EBADF. */
int mp_connector_set_option(mp_connector *connector, int option, int value);
int mp_connector_option(const mp_connector *connector, int option, int *value);

/* Gives up what is under way and frees it; no call follows. NULL does nothing. */
void mp_connector_free(mp_connector *connector);

uint16_t mp_connector_port(const mp_connector *connector);

/* Whose a connector is that stands in network->connecting. */
mp_stream *mp_connector_stream(mp_ring *link);

#endif
