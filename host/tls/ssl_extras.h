/*
 * What an SslSocket has beside; for ssl_socket*.c, handshake.c and transport.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SSL_EXTRAS_H
#define MP_SSL_EXTRAS_H

#include "net/tcp_socket_extras.h"
#include "tls/session.h"
#include "tls/ssl_socket.h"

/* Whether the peer gets in, where its certificate has faults that a handler is asked about. */
enum mp_verdict { VERDICT_NONE, VERDICT_DUE, VERDICT_ASKED, VERDICT_ACCEPTED, VERDICT_REFUSED };

/* Who answers to the name that a client asks for, where serverNameRequested may be asked. */
enum mp_naming { NAMING_UNASKED, NAMING_ASKED, NAMING_ANSWERED, NAMING_NOBODY };

/* An error to overlook: its code, and that of this certificate if there is one. */
typedef struct mp_ssl_ignored {
    char code[48];
    mp_certificate *certificate;
} mp_ssl_ignored;

typedef struct mp_ssl_extras {
    mp_tcp_extras tcp;                   /* first */
    mp_tls_configuration *configuration; /* for the next handshake, with a reference, or NULL */
    mp_tls_session *session;             /* the carrier's state, or NULL */
    mp_tls_errors *errors;               /* of the last handshake */
    mp_ssl_ignored *ignored;
    size_t ignored_count;
    STACK_OF(X509) * peer_chain; /* its own first */
    SSL_SESSION *ticket;         /* a client's: to be used, or given */
    char *verify_name;
    char *server_name;            /* that a client asked for, or NULL */
    char *text;                   /* of the last fault */
    mp_idle deadline;             /* of the handshake */
    double handshake_timeout;     /* if has_timeout */
    mp_ring handshake;            /* in its listener's `handshakes`, or nowhere */
    mp_tls_configuration *answer; /* of the handler that was asked for a name */
    uint8_t mode;                 /* enum mp_ssl_mode */
    uint8_t verdict;              /* enum mp_verdict */
    uint8_t starting;             /* the mode that begins when what is queued has left */
    uint8_t naming;               /* enum mp_naming */
    uint16_t judges;              /* handlers of sslErrors that wait */
    bool has_judge;               /* there is a handler of sslErrors */
    bool has_namer;               /* there is one of serverNameRequested */
    bool encrypted;
    bool has_timeout;
    bool ignore_all;
} mp_ssl_extras;

/* What the connections that enter by way of a listener tell those who have it do so. */
typedef struct mp_entrance {
    mp_tls_configuration *(*configuration)(const mp_tcp_server *server); /* NULL: none */
    void (*begins)(mp_stream *stream);                                   /* its first byte has arrived */
    void (*done)(mp_stream *stream);   /* its handshake is done: it becomes pending */
    void (*failed)(mp_stream *stream); /* it is ending, with its fault */
    void (*leaves)(mp_stream *stream); /* it is no longer among the handshakes */
} mp_entrance;

static inline mp_ssl_extras *mp_ssl_extras_of(const mp_stream *stream) {
    return (mp_ssl_extras *)stream->extras;
}

/* How it verifies its peer, of its mode. */
static inline enum mp_tls_verify_mode mp_ssl_verify_mode(const mp_ssl_extras *extras) {
    enum mp_tls_verify_mode mode = mp_tls_configuration_options(extras->session->configuration)->verify_mode;
    if (mode != MP_AUTO_VERIFY_PEER)
        return mode;
    return extras->session->mode == MP_SSL_CLIENT_MODE ? MP_VERIFY_PEER : MP_VERIFY_NONE;
}

#endif
