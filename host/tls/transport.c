/*
 * TLS as a transport; see transport.h. Each call receives at most once and sends at most what it has
 * encrypted, by way of the shared buffers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/transport.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "net/listener.h"
#include "tls/handshake.h"

/* Bytes of answers that the peer may leave unread before it isn't read any more. */
#define MOST_ANSWERS 16384

static mp_tls_session *session_of(const mp_stream *stream) {
    return mp_ssl_extras_of(stream)->session;
}

/* --- results -------------------------------------------------------------------------------------------- */

/* What it wants of the poll beside: to send what is encrypted already. */
static uint8_t wanted(const mp_tls_session *session) {
    return session->output ? EV_WRITE : 0;
}

static mp_transport_result bytes(const mp_tls_session *session, size_t n) {
    return (mp_transport_result){.n = (ssize_t)n, .outcome = MP_TRANSPORT_BYTES, .wants = wanted(session)};
}

static mp_transport_result again(const mp_tls_session *session, int waits) {
    return (mp_transport_result){
        .outcome = MP_TRANSPORT_AGAIN, .waits = (uint8_t)waits, .wants = wanted(session)};
}

static mp_transport_result ended(enum mp_transport_outcome outcome, enum mp_fault fault) {
    return (mp_transport_result){.outcome = (uint8_t)outcome, .fault = (uint8_t)fault};
}

/* The peer is left time to read what it was told. */
static mp_transport_result told(const mp_tls_session *session, mp_transport_result result) {
    result.told = result.outcome == MP_TRANSPORT_BROKEN && session->told && !session->output;
    return result;
}

/* The system's error of a receive or a send. */
static mp_transport_result failed(mp_stream *stream, enum mp_attempt attempt, int error) {
    enum mp_fault fault = mp_fault_from_errno(attempt, error);
    mp_tls_set_text(stream, "%s", mp_fault_text(fault));
    return ended(MP_TRANSPORT_BROKEN, fault);
}

static mp_transport_result not_sent(mp_stream *stream, int error) {
    if (error == ENOBUFS || error == ENOMEM)
        return (mp_transport_result){.outcome = MP_TRANSPORT_CONGESTED};
    return failed(stream, MP_ATTEMPT_WRITE, error);
}

static mp_transport_result truncated(mp_stream *stream) {
    mp_tls_set_text(stream, "%s", mp_fault_text(MP_FAULT_SSL_TRUNCATED));
    return ended(MP_TRANSPORT_TRUNCATED, MP_FAULT_SSL_TRUNCATED);
}

/* What OpenSSL says went wrong, behind what was tried. Its last alert is on its way. */
static mp_transport_result refused(mp_stream *stream, enum mp_fault fault, const char *tried,
                                   unsigned long error) {
    const char *reason = ERR_reason_error_string(error);
    if (session_of(stream)->no_memory)
        fault = MP_FAULT_RESOURCE;
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST)
        reason = "the peer speaks HTTP without TLS";
    if (reason)
        mp_tls_set_text(stream, "%s: %s", tried, reason);
    ERR_clear_error();
    return ended(MP_TRANSPORT_BROKEN, fault);
}

/* --- the handshake -------------------------------------------------------------------------------------- */

static int begin(mp_stream *stream, const char *unread, size_t size) {
    return mp_tls_session_feed(session_of(stream), unread, size);
}

static mp_transport_result concluded(mp_stream *stream) {
    uint8_t outcome = mp_tls_conclude(stream);
    session_of(stream)->holds = SSL_has_pending(session_of(stream)->ssl);
    if (outcome == MP_TRANSPORT_BROKEN)
        return ended(MP_TRANSPORT_BROKEN, MP_FAULT_SSL_HANDSHAKE);
    return (mp_transport_result){.outcome = outcome, .wants = wanted(session_of(stream))};
}

static mp_transport_result hung_up(mp_stream *stream) {
    mp_tls_set_text(stream, "The peer closed the connection during the handshake");
    return ended(MP_TRANSPORT_BROKEN, MP_FAULT_REMOTE_CLOSED);
}

static mp_transport_result shaken(mp_stream *stream, int result) {
    mp_tls_session *session = session_of(stream);
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    if (result == 1)
        return concluded(stream);
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ: return session->ended ? hung_up(stream) : again(session, EV_READ);
    case SSL_ERROR_ZERO_RETURN: return hung_up(stream); /* by close_notify */
    case SSL_ERROR_WANT_RETRY_VERIFY:
        mp_object_defer(&stream->object, STEP_JUDGE);
        return (mp_transport_result){.outcome = MP_TRANSPORT_SUSPENDED};
    case SSL_ERROR_WANT_CLIENT_HELLO_CB: return (mp_transport_result){.outcome = MP_TRANSPORT_SUSPENDED};
    default: break;
    }
    /* Our own refusal has its words. */
    if (extras->text && (session->mode == MP_SSL_SERVER_MODE || mp_tls_first_fault(extras) != 0)) {
        ERR_clear_error();
        return ended(MP_TRANSPORT_BROKEN, MP_FAULT_SSL_HANDSHAKE);
    }
    return refused(stream, MP_FAULT_SSL_HANDSHAKE, "Error during SSL handshake", ERR_peek_error());
}

static mp_transport_result handshake(mp_stream *stream) {
    mp_tls_session *session = session_of(stream);
    int fd = mp_stream_descriptor(stream);
    mp_tls_find_handlers(stream);
    if (session_of(stream) != session) /* they ended the connection */
        return ended(MP_TRANSPORT_BROKEN, MP_FAULT_REMOTE_CLOSED);
    mp_tls_session_enter(session);
    ERR_clear_error();
    bool finished = session->ssl && SSL_is_init_finished(session->ssl);
    ssize_t n = finished || mp_tls_session_has_input(session)
                    ? 1
                    : mp_tls_session_load(session, fd, MP_TLS_INPUT);
    mp_transport_result result;
    if (finished) {
        result = concluded(stream); /* there is a verdict, or the system takes bytes again */
    } else if (n < 0 && n != -EAGAIN) {
        result = failed(stream, MP_ATTEMPT_READ, (int)-n);
    } else if (!session->ssl && n <= 0) {
        result = n == 0 ? ended(MP_TRANSPORT_BROKEN, MP_FAULT_REMOTE_CLOSED) : again(session, EV_READ);
    } else if (!session->ssl && mp_tls_session_begin(session) < 0) {
        result = ended(MP_TRANSPORT_BROKEN, MP_FAULT_RESOURCE);
    } else {
        if (stream->entering && !mp_ssl_extras_of(stream)->handshake.next)
            stream->listener->entrance->begins(stream);
        result = shaken(stream, SSL_do_handshake(session->ssl));
    }
    if (result.outcome == MP_TRANSPORT_BROKEN && session->ssl && SSL_is_init_finished(session->ssl))
        (void)SSL_shutdown(session->ssl); /* no alert can be sent any more */
    int sent = mp_tls_session_flush(session, fd);
    if (mp_tls_session_leave(session) < 0)
        return ended(MP_TRANSPORT_BROKEN, MP_FAULT_RESOURCE);
    if (result.outcome == MP_TRANSPORT_BROKEN || result.outcome == MP_TRANSPORT_SUSPENDED)
        return told(session, result);
    if (sent < 0 && sent != -EAGAIN)
        return not_sent(stream, -sent);
    result.wants = wanted(session);
    return result;
}

/* --- receiving ------------------------------------------------------------------------------------------ */

/* Why no more plaintext comes now. Not SSL_get_error: others of the program may have left their errors. */
static mp_transport_result dry(mp_stream *stream) {
    mp_tls_session *session = session_of(stream);
    if (session->starved)
        return session->ended ? truncated(stream) : again(session, EV_READ);
    if (session->parted)
        return ended(MP_TRANSPORT_END, MP_FAULT_REMOTE_CLOSED);
    return refused(stream, MP_FAULT_SSL_INTERNAL, "Error while reading", ERR_peek_last_error());
}

/* Has OpenSSL anything left of what it was given? */
static bool has_rest(const mp_tls_session *session) {
    return session->input || session->shared->input_start < session->shared->input_end ||
           SSL_has_pending(session->ssl);
}

/* Records until `size`, or until there is no whole one. */
static mp_transport_result read_records(mp_stream *stream, char *data, size_t size) {
    mp_tls_session *session = session_of(stream);
    size_t got = 0, n = 0;
    bool rest = true;
    while (rest && got < size && SSL_read_ex(session->ssl, data + got, size - got, &n) == 1) {
        got += n;
        rest = has_rest(session);
    }
    session->holds = rest && got == size;
    if (!rest || got == size)
        return bytes(session, got);
    mp_transport_result why = dry(stream);
    session->stopped = why.outcome != MP_TRANSPORT_AGAIN;
    return got > 0 ? bytes(session, got) : why;
}

/* Is there what the poll doesn't report: bytes that OpenSSL has or hasn't seen, or the reason why no more
   comes? */
static bool has_pending(const mp_stream *stream) {
    const mp_tls_session *session = session_of(stream);
    return session->input || session->stopped || session->holds;
}

/* Sends answers of its own. What `send` took, and what follows it, `send` sends and reports. */
static int send_answers(mp_tls_session *session, int fd) {
    if (session->taken > 0)
        return -EAGAIN;
    return session->output || session->shared->output_size > 0 ? mp_tls_session_flush(session, fd) : 0;
}

static mp_transport_result receive(mp_stream *stream, void *data, size_t size) {
    mp_tls_session *session = session_of(stream);
    int fd = mp_stream_descriptor(stream);
    ssize_t n = 1;
    mp_tls_session_enter(session);
    /* A peer that asks and asks, and doesn't read, is not read either. */
    bool crowded = session->output && session->answers > MOST_ANSWERS && send_answers(session, fd) < 0;
    if (!crowded && !has_pending(stream))
        n = mp_tls_session_load(session, fd, MP_TLS_INPUT);
    mp_transport_result result;
    if (crowded)
        result = again(session, EV_WRITE);
    else if (n == -ECONNRESET)
        result = truncated(stream);
    else if (n == -EAGAIN)
        result = again(session, EV_READ);
    else if (n < 0)
        result = failed(stream, MP_ATTEMPT_READ, (int)-n);
    else
        result = read_records(stream, data, size);
    /* To a KeyUpdate, or an alert. The next send finds out what was wrong with it. */
    (void)send_answers(session, fd);
    if (mp_tls_session_leave(session) < 0)
        return ended(MP_TRANSPORT_BROKEN, MP_FAULT_RESOURCE);
    if (result.outcome == MP_TRANSPORT_BYTES || result.outcome == MP_TRANSPORT_AGAIN)
        result.wants = wanted(session);
    return told(session, result);
}

/* --- sending -------------------------------------------------------------------------------------------- */

/* Encrypts what fits a burst: small pieces together in one record. -1 and `starved`: the peer is in the
   middle of a message of its own, which OpenSSL wants to see the rest of first. */
static ssize_t encrypt(mp_tls_session *session, const struct iovec *vectors, int count) {
    size_t taken = 0, done;
    for (int i = 0; i < count && taken < MP_TLS_BURST;) {
        const char *data = vectors[i].iov_base;
        size_t size = vectors[i].iov_len;
        if (size < MP_TLS_RECORD / 2 && i + 1 < count) {
            data = session->shared->plain;
            for (size = 0; i < count && size + vectors[i].iov_len <= MP_TLS_RECORD;
                 size += vectors[i++].iov_len)
                memcpy(session->shared->plain + size, vectors[i].iov_base, vectors[i].iov_len);
        } else {
            i++;
        }
        if (size > MP_TLS_BURST - taken)
            size = MP_TLS_BURST - taken;
        for (size_t at = 0; at < size; at += done)
            if (SSL_write_ex(session->ssl, data + at, size - at, &done) != 1)
                return taken + at > 0 && session->starved ? (ssize_t)(taken + at) : -1;
        taken += size;
    }
    return (ssize_t)taken;
}

/* The same, behind what else the peer has sent if that must come first. *waits: so it must, and hasn't
   come. */
static ssize_t encrypt_next(mp_tls_session *session, int fd, const struct iovec *vectors, int count,
                            bool *waits) {
    session->encrypts = true;
    ssize_t n = encrypt(session, vectors, count);
    if (n < 0 && session->starved && mp_tls_session_load(session, fd, MP_TLS_INPUT) > 0)
        n = encrypt(session, vectors, count);
    *waits = n < 0 && !session->ended && session->starved;
    session->encrypts = false;
    return *waits ? 0 : n;
}

static mp_transport_result send_bytes(mp_stream *stream, const struct iovec *vectors, int count) {
    mp_tls_session *session = session_of(stream);
    int fd = mp_stream_descriptor(stream);
    bool waits = false;
    mp_tls_session_enter(session);
    int sent = session->output ? mp_tls_session_flush(session, fd) : 0;
    ssize_t n = 0;
    if (sent == 0 && count > 0) {
        n = encrypt_next(session, fd, vectors, count, &waits);
        if (n > 0)
            session->taken += (size_t)n;
        sent = mp_tls_session_flush(session, fd);
    }
    mp_transport_result result = bytes(session, 0);
    if (n < 0)
        result = refused(stream, MP_FAULT_SSL_INTERNAL, "Unable to write data", ERR_peek_last_error());
    if (mp_tls_session_leave(session) < 0)
        return ended(MP_TRANSPORT_BROKEN, MP_FAULT_RESOURCE);
    if (n < 0)
        return told(session, result);
    if (n == 0 && sent < 0 && sent != -EAGAIN)
        return not_sent(stream, -sent);
    if (n > 0 || count == 0)
        return bytes(session, (size_t)n); /* what was wrong with the send is found by the next */
    return again(session, waits ? EV_READ : EV_WRITE);
}

static mp_transport_result goodbye(mp_stream *stream) {
    mp_tls_session *session = session_of(stream);
    int fd = mp_stream_descriptor(stream);
    mp_tls_session_enter(session);
    if (!(SSL_get_shutdown(session->ssl) & SSL_SENT_SHUTDOWN))
        (void)SSL_shutdown(session->ssl);
    ERR_clear_error();
    int sent = mp_tls_session_flush(session, fd);
    if (mp_tls_session_leave(session) < 0)
        return ended(MP_TRANSPORT_BROKEN, MP_FAULT_RESOURCE);
    if (sent == -EAGAIN)
        return again(session, EV_WRITE);
    return sent < 0 ? not_sent(stream, -sent) : bytes(session, 0);
}

static size_t unsent(const mp_stream *stream) {
    return mp_tls_session_unsent(session_of(stream));
}

static const char *fault_text(const mp_stream *stream) {
    return mp_ssl_extras_of(stream)->text;
}

static void release(mp_stream *stream) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    mp_tls_session_free(extras->session);
    extras->session = NULL;
}

const mp_transport mp_tls_transport = {
    .name = "TLS",
    .begin = begin,
    .receive = receive,
    .send = send_bytes,
    .handshake = handshake,
    .goodbye = goodbye,
    .has_pending = has_pending,
    .unsent = unsent,
    .fault_text = fault_text,
    .release = release,
};
