/*
 * One TLS connection below its stream: OpenSSL's SSL, and the bytes on their way into it and out of it. All
 * ciphertext passes through the shared buffers, with one receive and one send for each event; only what can't
 * go on at once is copied to memory of the session's own.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_SESSION_H
#define MP_TLS_SESSION_H

#include <openssl/ssl.h>

#include "data/buffer.h"
#include "tls/configuration.h"
#include "tls/hooks.h"
#include "tls/shared.h"

struct mp_tls_session {
    const mp_tls_hooks *hooks; /* first: see hooks.h */
    void *owner;               /* the hooks' own */
    SSL *ssl;                  /* NULL: a server that has not received a byte */
    mp_tls_shared *shared;
    mp_tls_configuration *configuration; /* with a reference */
    mp_buffer *input;                    /* received, and not taken by OpenSSL yet; NULL: nothing */
    mp_buffer *output;                   /* encrypted, and not taken by the system yet; NULL: nothing */
    size_t taken;                        /* plaintext that is in `output` */
    size_t counted;                      /* memory of both, as the network knows it */
    size_t answers;                      /* the end of `output`: OpenSSL's own, to what the peer has sent */
    uint8_t mode;                        /* enum mp_ssl_mode */
    bool ended;                          /* the descriptor has nothing more to receive */
    bool starved;                        /* OpenSSL wants more than there was */
    bool holds;                          /* OpenSSL has taken input that it may give out without more */
    bool parted;                         /* the peer's close_notify was received */
    bool stopped;                        /* a goodbye or a fault follows what was read last */
    bool no_memory;                      /* a buffer couldn't grow: the connection can't go on */
    bool encrypts;                       /* OpenSSL is at the stream's bytes: it writes no answers */
    bool told;                           /* a fatal alert or close_notify is on its way */
};

/* Makes a session, not begun. NULL: no memory. */
mp_tls_session *mp_tls_session_new(mp_tls_shared *shared, mp_tls_configuration *configuration,
                                   enum mp_ssl_mode mode, const mp_tls_hooks *hooks, void *owner);

void mp_tls_session_free(mp_tls_session *session);

/* Makes the SSL. 0 or -ENOMEM. */
int mp_tls_session_begin(mp_tls_session *session);

/* Another configuration answers, with its own rules. For the hook `hello`. */
bool mp_tls_session_use(mp_tls_session *session, mp_tls_configuration *configuration, const char *name);

/* A client has been given a ticket: notes by which rule it has let the server in. */
void mp_tls_session_mark(const mp_tls_session *session, SSL_SESSION *ticket);

/* A client offers a ticket, unless it has let that server in by another rule. */
void mp_tls_session_offer(mp_tls_session *session, SSL_SESSION *ticket, bool verifies);

/* Gives OpenSSL bytes that were received before. 0 or -ENOMEM. */
int mp_tls_session_feed(mp_tls_session *session, const char *data, size_t size);

/* The buffers are the session's until mp_tls_session_leave: calls of OpenSSL come between these two. */
void mp_tls_session_enter(mp_tls_session *session);

/* Receives once, at most `size` bytes, while it is entered. The bytes, 0 at the end, or -errno. */
ssize_t mp_tls_session_load(mp_tls_session *session, int fd, size_t size);

/* Sends what was encrypted. 0, -EAGAIN if not all has left, or -errno. While it is entered. */
int mp_tls_session_flush(mp_tls_session *session, int fd);

/* Keeps what could not go on. 0 or -ENOMEM. */
int mp_tls_session_leave(mp_tls_session *session);

/* Is there input that OpenSSL has not seen? */
static inline bool mp_tls_session_has_input(const mp_tls_session *session) {
    return session->input != NULL;
}

/* Plaintext that was encrypted, and not taken by the system. */
static inline size_t mp_tls_session_unsent(const mp_tls_session *session) {
    size_t left = mp_buffer_size(session->output);
    left -= session->answers < left ? session->answers : left;
    return left < session->taken ? left : session->taken;
}

#endif
