/*
 * What few LocalSockets need, after the extras of a TcpSocket; for local_socket.c and
 * transport_descriptors.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LOCAL_EXTRAS_H
#define MP_LOCAL_EXTRAS_H

#include "net/tcp_socket_extras.h"

/* A descriptor that leaves with the byte at `position`, counted from the first byte that the transport sends.
   */
typedef struct mp_outgoing {
    uint64_t position;
    int fd;
} mp_outgoing;

/* What a socket knows that connects by name, or passes descriptors. Most connections of a server have
   none. */
typedef struct mp_local_facts {
    char *asked; /* the name that was asked for */
    size_t asked_size;
    bool abstract;           /* names that are asked for are */
    mp_local_name full, own; /* size 0: unknown */
    size_t most;             /* descriptors that may wait in `received` */
    int *received;
    size_t received_count, received_room;
    mp_outgoing *outgoing;
    size_t outgoing_count, outgoing_room;
    uint64_t passed; /* bytes that the transport has sent */
} mp_local_facts;

typedef struct mp_local_extras {
    mp_tcp_extras tcp; /* first */
    mp_local_facts *facts;
} mp_local_extras;

/* NULL: there are none. */
static inline mp_local_facts *mp_local_facts_of(const mp_stream *stream) {
    return stream->extras ? ((const mp_local_extras *)stream->extras)->facts : NULL;
}

#endif
