// SPDX-License-Identifier: MIT
//
// OpenSSL as the client. Suite and key exchange are fixed, so that each server does the same work. The load
// doesn't verify the server, because that costs the server nothing.

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>

#include "report.h"
#include "tls.h"

long tls_handshakes, tls_resumed;

static SSL_CTX *context;

static _Noreturn void fail_by_openssl(const char *what) {
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    fail("%s: %s", what, reason ? reason : "the server ended the connection without close_notify");
}

static int on_ticket(SSL *tls, SSL_SESSION *session) {
    SSL_SESSION **ticket = SSL_get_app_data(tls);
    if (!ticket)
        return 0;
    SSL_SESSION_free(*ticket);
    *ticket = session;
    return 1; // the session is ours now
}

void tls_init(void) {
    signal(SIGPIPE, SIG_IGN); // OpenSSL writes without MSG_NOSIGNAL
    context = SSL_CTX_new(TLS_client_method());
    if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
        !SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384") ||
        !SSL_CTX_set1_groups_list(context, "X25519"))
        fail_by_openssl("OpenSSL");
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_ticket);
}

SSL *tls_begin(int fd, SSL_SESSION **ticket) {
    SSL *tls = SSL_new(context);
    if (!tls || !SSL_set_fd(tls, fd) || !SSL_set_app_data(tls, ticket) ||
        (ticket && *ticket && !SSL_set_session(tls, *ticket)))
        fail_by_openssl("OpenSSL");
    SSL_set_connect_state(tls);
    return tls;
}

// The result of a call that returned n <= 0: 0, or -1 with EAGAIN or another error in errno.
static ssize_t outcome(const SSL *tls, int n, const char *what) {
    int saved = errno;
    switch (SSL_get_error(tls, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_SYSCALL: errno = saved ? saved : ECONNRESET; return -1;
    default: fail_by_openssl(what);
    }
}

ssize_t tls_send(SSL *tls, const void *data, size_t size) {
    int n = SSL_write(tls, data, (int)size);
    return n > 0 ? n : outcome(tls, n, "TLS, sending");
}

ssize_t tls_receive(SSL *tls, void *data, size_t size) {
    int n = SSL_read(tls, data, (int)size);
    return n > 0 ? n : outcome(tls, n, "TLS, receiving");
}

bool tls_wants_write(const SSL *tls) {
    return SSL_want_write(tls);
}

bool tls_is_young(const SSL *tls) {
    return SSL_in_init(tls);
}

bool tls_is_over(const SSL *tls) {
    return SSL_get_shutdown(tls) & SSL_RECEIVED_SHUTDOWN;
}

void tls_say_goodbye(SSL *tls) {
    if (SSL_shutdown(tls) < 0)
        fail_by_openssl("close_notify");
}

void tls_end(SSL *tls) {
    tls_handshakes++;
    tls_resumed += SSL_session_reused(tls);
    SSL_free(tls);
}

size_t tls_hello(unsigned char *to, size_t size) {
    SSL *tls = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    if (!tls || !in || !out)
        fail_by_openssl("OpenSSL");
    SSL_set_bio(tls, in, out);
    SSL_set_connect_state(tls);
    SSL_do_handshake(tls);
    int length = BIO_read(out, to, (int)size);
    if (length <= 0)
        fail_by_openssl("ClientHello");
    SSL_free(tls);
    return (size_t)length;
}
