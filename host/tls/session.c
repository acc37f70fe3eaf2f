/*
 * TLS connections; see session.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/session.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "net/overload.h"
#include "system/system.h"

/* --- the BIO -------------------------------------------------------------------------------------------- */

/* From the session's own buffer, then from the shared one. There is never an end: who reads knows of it. */
static int bio_read(BIO *bio, char *data, size_t size, size_t *done) {
    mp_tls_session *session = BIO_get_data(bio);
    mp_tls_shared *shared = session->shared;
    mp_buffer *own = session->input;
    BIO_clear_retry_flags(bio);
    session->holds = true;
    if (own) {
        size_t there = own->end - own->start;
        *done = size < there ? size : there;
        memcpy(data, own->data + own->start, *done);
        own->start += *done;
        if (own->start == own->end) {
            free(own);
            session->input = NULL;
        }
        return 1;
    }
    size_t there = shared->current == session ? shared->input_end - shared->input_start : 0;
    if (there == 0) {
        session->starved = true;
        BIO_set_retry_read(bio);
        return -1;
    }
    *done = size < there ? size : there;
    memcpy(data, shared->input + shared->input_start, *done);
    shared->input_start += *done;
    return 1;
}

/* Behind what waits already, else into the shared buffer. */
static int bio_write(BIO *bio, const char *data, size_t size, size_t *done) {
    mp_tls_session *session = BIO_get_data(bio);
    mp_tls_shared *shared = session->shared;
    BIO_clear_retry_flags(bio);
    if (!session->encrypts)
        session->answers += size;
    bool fits = shared->current == session && !session->output &&
                sizeof shared->output - shared->output_size >= size;
    if (fits) {
        memcpy(shared->output + shared->output_size, data, size);
        shared->output_size += size;
    } else {
        bool moved = shared->current != session || shared->output_size == 0 ||
                     mp_buffer_append(&session->output, shared->output, shared->output_size) == 0;
        if (moved && shared->current == session)
            shared->output_size = 0;
        if (!moved || mp_buffer_append(&session->output, data, size) < 0) {
            session->no_memory = true;
            return 0;
        }
    }
    *done = size;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO *new_bio(mp_tls_session *session) {
    mp_tls_shared *shared = session->shared;
    if (!shared->bio) {
        BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "moonport");
        if (!method || !BIO_meth_set_read_ex(method, bio_read) || !BIO_meth_set_write_ex(method, bio_write) ||
            !BIO_meth_set_ctrl(method, bio_control)) {
            BIO_meth_free(method);
            return NULL;
        }
        shared->bio = method;
    }
    BIO *bio = BIO_new(shared->bio);
    if (bio) {
        BIO_set_data(bio, session);
        BIO_set_init(bio, 1);
    }
    return bio;
}

/* Has the network know how much memory the session's own buffers take. */
static void count(mp_tls_session *session) {
    size_t before = session->counted;
    session->counted = mp_buffer_memory(session->input) + mp_buffer_memory(session->output);
    if (session->counted != before)
        mp_overload_count(session->shared->network, before, session->counted);
}

/* --- life ----------------------------------------------------------------------------------------------- */

mp_tls_session *mp_tls_session_new(mp_tls_shared *shared, mp_tls_configuration *configuration,
                                   enum mp_ssl_mode mode, const mp_tls_hooks *hooks, void *owner) {
    mp_tls_session *session = calloc(1, sizeof *session);
    if (!session)
        return NULL;
    mp_tls_configuration_reference(configuration);
    session->hooks = hooks;
    session->owner = owner;
    session->shared = shared;
    session->configuration = configuration;
    session->mode = (uint8_t)mode;
    return session;
}

void mp_tls_session_free(mp_tls_session *session) {
    assert(session->shared->current != session);
    SSL_free(session->ssl);
    mp_overload_count(session->shared->network, session->counted, 0);
    free(session->input);
    free(session->output);
    mp_tls_configuration_unreference(session->configuration);
    free(session);
}

int mp_tls_session_begin(mp_tls_session *session) {
    BIO *bio = new_bio(session);
    SSL *ssl = bio ? SSL_new(mp_tls_configuration_context(session->configuration)) : NULL;
    if (!ssl || SSL_set_app_data(ssl, session) != 1) {
        SSL_free(ssl);
        BIO_free(bio);
        ERR_clear_error();
        return -ENOMEM;
    }
    SSL_set_bio(ssl, bio, bio);
    if (session->mode == MP_SSL_SERVER_MODE)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    session->ssl = ssl;
    return 0;
}

#define CONTEXT_SIZE 32

/* Tickets are for one rule, and one entry of the names. */
static bool ticket_context(const mp_tls_session *session, const char *name, unsigned char *context) {
    unsigned char text[MP_TLS_RULE_SIZE + 300];
    size_t length = strlen(name);
    if (length > 299)
        length = 299;
    memcpy(text, mp_tls_configuration_rule(session->configuration), MP_TLS_RULE_SIZE);
    memcpy(text + MP_TLS_RULE_SIZE, name, length); // NOLINT(bugprone-not-null-terminated-result)
    return EVP_Q_digest(NULL, "SHA256", NULL, text, MP_TLS_RULE_SIZE + length, context, NULL) == 1;
}

bool mp_tls_session_use(mp_tls_session *session, mp_tls_configuration *configuration, const char *name) {
    SSL_CTX *context = mp_tls_configuration_context(configuration);
    if (SSL_get_SSL_CTX(session->ssl) != context) {
        if (!SSL_set_SSL_CTX(session->ssl, context))
            return false;
        SSL_clear_options(session->ssl, SSL_get_options(session->ssl));
        SSL_set_options(session->ssl, SSL_CTX_get_options(context));
        SSL_set_min_proto_version(session->ssl, (int)SSL_CTX_get_min_proto_version(context));
        SSL_set_max_proto_version(session->ssl, (int)SSL_CTX_get_max_proto_version(context));
        SSL_set_num_tickets(session->ssl, SSL_CTX_get_num_tickets(context));
    }
    mp_tls_configuration_reference(configuration);
    mp_tls_configuration_unreference(session->configuration);
    session->configuration = configuration;
    unsigned char rule[CONTEXT_SIZE];
    return ticket_context(session, name, rule) &&
           SSL_set_session_id_context(session->ssl, rule, sizeof rule) == 1;
}

void mp_tls_session_mark(const mp_tls_session *session, SSL_SESSION *ticket) {
    unsigned char rule[CONTEXT_SIZE];
    if (ticket_context(session, "", rule))
        (void)SSL_SESSION_set1_id_context(ticket, rule, sizeof rule);
}

void mp_tls_session_offer(mp_tls_session *session, SSL_SESSION *ticket, bool verifies) {
    unsigned char rule[CONTEXT_SIZE];
    unsigned size = 0;
    const unsigned char *of_ticket = SSL_SESSION_get0_id_context(ticket, &size);
    bool same = size == sizeof rule && ticket_context(session, "", rule) &&
                memcmp(of_ticket, rule, size) == 0;
    /* A key of both sides would have to have the same mark. */
    if (same && mp_tls_configuration_options(session->configuration)->psk_count == 0 &&
        SSL_set_session_id_context(session->ssl, rule, sizeof rule) == 1 &&
        SSL_set_session(session->ssl, ticket) == 1 && verifies &&
        SSL_get_verify_result(session->ssl) != X509_V_OK)
        (void)SSL_set_session(session->ssl, NULL); /* something was overlooked then */
    ERR_clear_error();
}

/* --- bytes ---------------------------------------------------------------------------------------------- */

int mp_tls_session_feed(mp_tls_session *session, const char *data, size_t size) {
    int result = size > 0 ? mp_buffer_append(&session->input, data, size) : 0;
    count(session);
    return result;
}

void mp_tls_session_enter(mp_tls_session *session) {
    mp_tls_shared *shared = session->shared;
    assert(!shared->current);
    shared->current = session;
    shared->input_start = shared->input_end = shared->output_size = 0;
    session->starved = false;
}

ssize_t mp_tls_session_load(mp_tls_session *session, int fd, size_t size) {
    mp_tls_shared *shared = session->shared;
    assert(shared->current == session && shared->input_start == shared->input_end);
    if (session->ended)
        return 0;
    shared->input_start = shared->input_end = 0;
    ssize_t n = mp_system_receive(fd, shared->input,
                                  size < sizeof shared->input ? size : sizeof shared->input, false);
    if (n > 0) {
        shared->input_end = (size_t)n;
        session->starved = false;
    }
    session->ended = n == 0;
    return n;
}

/* What waits from before. */
static int flush_own(mp_tls_session *session, int fd) {
    mp_buffer *own = session->output;
    while (own->start < own->end) {
        ssize_t n = mp_system_send(fd, own->data + own->start, own->end - own->start, false);
        if (n < 0)
            return (int)n;
        own->start += (size_t)n;
    }
    free(own);
    session->output = NULL;
    session->taken = 0;
    if (session->shared->output_size == 0)
        session->answers = 0;
    return 0;
}

int mp_tls_session_flush(mp_tls_session *session, int fd) {
    mp_tls_shared *shared = session->shared;
    size_t sent = 0;
    assert(shared->current == session);
    if (session->output) {
        int result = flush_own(session, fd);
        if (result < 0)
            return result;
    }
    while (sent < shared->output_size) {
        ssize_t n = mp_system_send(fd, shared->output + sent, shared->output_size - sent, false);
        if (n < 0) {
            memmove(shared->output, shared->output + sent, shared->output_size - sent);
            shared->output_size -= sent;
            return (int)n;
        }
        sent += (size_t)n;
    }
    shared->output_size = 0;
    session->taken = session->answers = 0;
    return 0;
}

int mp_tls_session_leave(mp_tls_session *session) {
    mp_tls_shared *shared = session->shared;
    int result = session->no_memory ? -ENOMEM : 0;
    assert(shared->current == session);
    if (shared->output_size > 0 &&
        mp_buffer_append(&session->output, shared->output, shared->output_size) < 0)
        result = -ENOMEM;
    if (shared->input_start < shared->input_end &&
        mp_buffer_append(&session->input, shared->input + shared->input_start,
                         shared->input_end - shared->input_start) < 0)
        result = -ENOMEM;
    session->no_memory = result < 0;
    shared->current = NULL;
    count(session);
    return result;
}
