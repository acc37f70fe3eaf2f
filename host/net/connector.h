/*
 * Connecting to a literal address, to a name, or to a Unix-domain socket. Both families of a name are looked
 * up at once. The attempts (race.h) begin when the IPv6 addresses are known, or when the IPv4 addresses have
 * been known for 50 ms; later results join them. One time-out covers everything. The socket decides what the
 * outcome means.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_CONNECTOR_H
#define MP_CONNECTOR_H

#include "data/address.h"
#include "data/error.h"
#include "data/local_name.h"
#include "net/network.h"

typedef struct mp_connector mp_connector;

/* Called from the loop, or by mp_connector_attempt. */
typedef struct mp_connector_owner {
    /* There are addresses; mp_connector_attempt must follow. */
    void (*found)(mp_stream *stream);
    /* It is over: `fd` is connected to `address` (NULL: a Unix-domain socket) and now belongs to the owner;
       or it is -1, and `fault` says why. The owner must free the connector. */
    void (*done)(mp_stream *stream, int fd, const mp_address *address, enum mp_fault fault);
} mp_connector_owner;

/* Makes a connector for `stream`. If `own_fd` isn't -1, it connects on that descriptor, which remains the
   stream's. Returns 0 or -ENOMEM. */
int mp_connector_new(mp_stream *stream, mp_network *network, const mp_connector_owner *owner, uint16_t port,
                     int own_fd, mp_connector **out);

/* Begins to connect to `host`, a literal address (`found` is called before this returns) or a name. Returns
   0, -ENOENT for a literal of the wrong family, or another -errno. */
int mp_connector_start(mp_connector *connector, const char *host, enum mp_protocol protocol);

/* Prepares to connect to a Unix-domain socket, without a call of `found`; mp_connector_attempt must follow.
   Returns 0 or -ENOMEM. */
int mp_connector_start_local(mp_connector *connector, const mp_local_name *name);

/* Starts the attempts; call it after `found`. */
void mp_connector_attempt(mp_connector *connector);

/* Sets a socket option on the existing descriptors, and on each later one before it connects, so that the
   winner has it. Returns 0, or -errno if a descriptor refuses; then no later descriptor gets it.
   mp_connector_option returns the value that was set this way, or -EBADF. */
int mp_connector_set_option(mp_connector *connector, int option, int value);
int mp_connector_option(const mp_connector *connector, int option, int *value);

/* Stops everything and frees it; no callback follows. NULL does nothing. */
void mp_connector_free(mp_connector *connector);

uint16_t mp_connector_port(const mp_connector *connector);

/* The stream of a connector in network->connecting. */
mp_stream *mp_connector_stream(mp_ring *link);

#endif
