/*
 * OpenSSL's callbacks during a handshake. Each passes its question to the session that it is about.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_HOOKS_H
#define MP_TLS_HOOKS_H

#include <openssl/ssl.h>
#include <stdbool.h>

typedef struct mp_tls_session mp_tls_session;

/* Each returns what OpenSSL's callback of the same purpose returns. */
typedef struct mp_tls_hooks {
    /* A server has the client's hello: SSL_CLIENT_HELLO_SUCCESS, _RETRY, or _ERROR and an alert. */
    int (*hello)(mp_tls_session *session, int *alert);
    /* Verify the peer's chain. */
    int (*verify)(mp_tls_session *session, X509_STORE_CTX *context);
    /* A server chooses among the client's protocols. */
    int (*alpn)(mp_tls_session *session, const unsigned char **out, unsigned char *out_size,
                const unsigned char *in, unsigned in_size);
    /* A ticket is sealed, or opened. */
    int (*ticket)(mp_tls_session *session, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                  EVP_MAC_CTX *mac, int seals);
    /* A client has been given a ticket: 1 keeps the reference. */
    int (*given)(mp_tls_session *session, SSL_SESSION *ticket);
    /* A server is asked for a proof that its certificate isn't revoked, or a client has got one. */
    int (*status)(mp_tls_session *session);
    /* The key of an identity; a client chooses one. */
    unsigned (*psk_server)(mp_tls_session *session, const char *identity, unsigned char *key, unsigned size);
    unsigned (*psk_client)(mp_tls_session *session, char *identity, unsigned identity_size,
                           unsigned char *key, unsigned size);
    void (*alert)(mp_tls_session *session, bool sent, int level, int description);
    void (*key_line)(mp_tls_session *session, const char *line);
} mp_tls_hooks;

/* Sets the callbacks of a context. They find the session of an SSL by SSL_get_app_data; its first member is
   this table. `psk`, `keys`: also the callbacks for these. */
void mp_tls_install_hooks(SSL_CTX *context, bool psk, bool keys);

#endif
