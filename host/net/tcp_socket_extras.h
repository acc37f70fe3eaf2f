/*
 * What few TCP sockets need, after the extras of a stream; for tcp_socket*.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TCP_SOCKET_EXTRAS_H
#define MP_TCP_SOCKET_EXTRAS_H

#include "net/connector.h"
#include "net/tcp_socket.h"

typedef struct mp_tcp_extras {
    mp_stream_extras stream; /* first */
    mp_connector *connector; /* a connect in progress */
    char *peer_name;
    mp_address local; /* kept for the closing signals */
    uint16_t local_port;
} mp_tcp_extras;

static inline mp_tcp_extras *mp_tcp_socket_extras(const mp_tcp_socket *socket) {
    return (mp_tcp_extras *)socket->stream.extras;
}

#endif
