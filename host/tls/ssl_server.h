/*
 * SslServer: a TcpServer whose connections are encrypted before they are pending. A connection has a time-out
 * from the accept on, which no byte prolongs. Its first byte begins its handshake: only then it needs an SSL,
 * and counts as a handshake. One handshake too many ends the one that began first (D16).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SSL_SERVER_H
#define MP_SSL_SERVER_H

#include "net/tcp_server.h"
#include "tls/configuration.h"

#define MP_SSL_SERVER_TIMEOUT 5000.0 /* milliseconds, as in Qt */
#define MP_SSL_MOST_HANDSHAKES 256

/* Private to host/, except: handshake_timeout (milliseconds, 0: none), max_handshakes (0: no limit), and
   implicit (connections are encrypted from the start). Others may read the rest. */
typedef struct mp_ssl_server {
    mp_tcp_server tcp; /* first */
    mp_tls_configuration *configuration;
    double handshake_timeout;
    uint32_t max_handshakes;
    bool implicit;
    char *problem;             /* why the last configuration is unusable, or NULL */
    uint64_t crowded_out;      /* handshakes that were ended for a newer one, ever */
    uint64_t crowded_out_told; /* the part that the log has reported */
    double told;               /* when the log did so */
} mp_ssl_server;

extern const mp_behaviour mp_ssl_server_behaviour;

/* A fresh server. Returns 0 or -ENOMEM. */
int mp_ssl_server_init(mp_ssl_server *server, mp_network *network);

void mp_ssl_server_destroy(mp_ssl_server *server);

/* For handshakes that begin from now on. Counts a reference; NULL: none. */
void mp_ssl_server_set_configuration(mp_ssl_server *server, mp_tls_configuration *configuration);

/* That of an SslServer; NULL: it has none, or the server isn't one. */
mp_tls_configuration *mp_ssl_server_configuration_of(const mp_tcp_server *server);

/* What `name_requested` was asked: the configuration for that connection; NULL: none, internal_error. Does
   nothing once there is an answer. */
void mp_ssl_server_answer(mp_stream *stream, mp_tls_configuration *configuration);

/* The same as if nobody had been asked. */
void mp_ssl_server_answer_default(mp_stream *stream);

/* Why it can't listen; NULL: nothing is wrong. */
void mp_ssl_server_set_problem(mp_ssl_server *server, const char *problem);

#endif
