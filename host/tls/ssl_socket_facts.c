/*
 * What is known of an SslSocket's connection and of its peer; see ssl_socket.h.
 *
 * SPDX-License-Identifier: MIT
 */

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "tls/ssl_extras.h"

/* The SSL of an encrypted connection, or NULL. */
static SSL *ssl_of(const mp_ssl_socket *socket) {
    const mp_ssl_extras *extras = mp_ssl_extras_of(&socket->tcp.stream);
    return extras && extras->encrypted && extras->session ? extras->session->ssl : NULL;
}

const char *mp_ssl_socket_verify_name(const mp_ssl_socket *socket) {
    const mp_ssl_extras *extras = mp_ssl_extras_of(&socket->tcp.stream);
    if (extras && extras->verify_name)
        return extras->verify_name;
    const char *name = mp_tcp_socket_peer_name(&socket->tcp);
    return strncmp(name, "unix:", 5) == 0 ? "" : name; /* a path is no name of a host */
}

enum mp_ssl_mode mp_ssl_socket_mode(const mp_ssl_socket *socket) {
    const mp_ssl_extras *extras = mp_ssl_extras_of(&socket->tcp.stream);
    return extras ? (enum mp_ssl_mode)extras->mode : MP_UNENCRYPTED_MODE;
}

bool mp_ssl_socket_is_encrypted(const mp_ssl_socket *socket) {
    const mp_ssl_extras *extras = mp_ssl_extras_of(&socket->tcp.stream);
    return extras && extras->encrypted;
}

bool mp_ssl_socket_is_encrypting(const mp_ssl_socket *socket) {
    const mp_stream *stream = &socket->tcp.stream;
    return !mp_ssl_socket_is_encrypted(socket) && ((stream->flags & FLAG_CARRIED) || stream->switching);
}

const mp_tls_errors *mp_ssl_socket_errors(const mp_ssl_socket *socket) {
    const mp_ssl_extras *extras = mp_ssl_extras_of(&socket->tcp.stream);
    return extras && extras->errors && extras->errors->count > 0 ? extras->errors : NULL;
}

mp_certificate *mp_ssl_socket_peer_certificate(const mp_ssl_socket *socket, size_t index) {
    const mp_ssl_extras *extras = mp_ssl_extras_of(&socket->tcp.stream);
    if (!extras || !extras->peer_chain || index >= (size_t)sk_X509_num(extras->peer_chain))
        return NULL;
    return sk_X509_value(extras->peer_chain, (int)index);
}

bool mp_ssl_socket_cipher(const mp_ssl_socket *socket, mp_ssl_cipher *cipher) {
    const SSL *ssl = ssl_of(socket);
    const SSL_CIPHER *current = ssl ? SSL_get_current_cipher(ssl) : NULL;
    if (!current)
        return false;
    *cipher = (mp_ssl_cipher){.name = SSL_CIPHER_get_name(current),
                              .protocol = SSL_get_version(ssl),
                              .description = SSL_CIPHER_standard_name(current)};
    cipher->used_bits = SSL_CIPHER_get_bits(current, &cipher->supported_bits);
    return true;
}

const char *mp_ssl_socket_protocol(const mp_ssl_socket *socket) {
    const SSL *ssl = ssl_of(socket);
    switch (ssl ? SSL_version(ssl) : 0) {
    case TLS1_2_VERSION: return "TlsV1_2";
    case TLS1_3_VERSION: return "TlsV1_3";
    default: return "UnknownProtocol";
    }
}

mp_key *mp_ssl_socket_ephemeral_key(const mp_ssl_socket *socket) {
    SSL *ssl = ssl_of(socket);
    EVP_PKEY *key = NULL;
    if (ssl && mp_ssl_socket_mode(socket) == MP_SSL_CLIENT_MODE)
        (void)SSL_get_peer_tmp_key(ssl, &key);
    ERR_clear_error();
    return key;
}

const char *mp_ssl_socket_next_protocol(const mp_ssl_socket *socket, size_t *size) {
    const SSL *ssl = ssl_of(socket);
    const unsigned char *name = NULL;
    unsigned length = 0;
    if (ssl)
        SSL_get0_alpn_selected(ssl, &name, &length);
    *size = length;
    return name ? (const char *)name : "";
}

const char *mp_ssl_socket_server_name(const mp_ssl_socket *socket) {
    const mp_ssl_extras *extras = mp_ssl_extras_of(&socket->tcp.stream);
    return extras && extras->server_name ? extras->server_name : "";
}

bool mp_ssl_socket_is_resumed(const mp_ssl_socket *socket) {
    SSL *ssl = ssl_of(socket);
    return ssl && SSL_session_reused(ssl);
}

const char *mp_tls_alert_text(int description) {
    switch (description) { /* OpenSSL has no words for these */
    case SSL_AD_CERTIFICATE_REQUIRED: return "certificate required";
    case SSL_AD_NO_APPLICATION_PROTOCOL: return "no application protocol";
    default: return SSL_alert_desc_string_long(description);
    }
}

bool mp_ssl_socket_export_key(const mp_ssl_socket *socket, const char *label, size_t label_size,
                              const char *context, size_t context_size, unsigned char *key, size_t size) {
    SSL *ssl = ssl_of(socket);
    bool done = ssl &&
                SSL_export_keying_material(ssl, key, size, label, label_size, (const unsigned char *)context,
                                           context_size, context != NULL) == 1;
    ERR_clear_error();
    return done;
}

unsigned char *mp_ssl_socket_ticket(const mp_ssl_socket *socket, size_t *size) {
    const mp_ssl_extras *extras = mp_ssl_extras_of(&socket->tcp.stream);
    unsigned char *ticket = NULL, *at;
    int length = extras && extras->ticket ? i2d_SSL_SESSION(extras->ticket, NULL) : 0;
    *size = 0;
    if (length <= 0 || !(ticket = at = malloc((size_t)length)))
        return NULL;
    *size = (size_t)i2d_SSL_SESSION(extras->ticket, &at);
    return ticket;
}

bool mp_ssl_socket_set_ticket(mp_ssl_socket *socket, const unsigned char *ticket, size_t size) {
    SSL_SESSION *session = size > 0 ? d2i_SSL_SESSION(NULL, &ticket, (long)size) : NULL;
    mp_ssl_extras *extras = (mp_ssl_extras *)mp_stream_need_extras(&socket->tcp.stream);
    ERR_clear_error();
    if (!extras || (size > 0 && !session)) {
        SSL_SESSION_free(session);
        return false;
    }
    SSL_SESSION_free(extras->ticket);
    extras->ticket = session;
    return true;
}
