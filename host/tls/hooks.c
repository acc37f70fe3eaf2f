/*
 * OpenSSL's callbacks; see hooks.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/hooks.h"

static mp_tls_session *session_of(const SSL *ssl) {
    return SSL_get_app_data(ssl);
}

static const mp_tls_hooks *hooks_of(const SSL *ssl) {
    return *(const mp_tls_hooks **)SSL_get_app_data(ssl);
}

static int on_hello(SSL *ssl, int *alert, void *argument) {
    (void)argument;
    return hooks_of(ssl)->hello(session_of(ssl), alert);
}

static int on_verify(X509_STORE_CTX *context, void *argument) {
    SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
    (void)argument;
    return hooks_of(ssl)->verify(session_of(ssl), context);
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *in,
                   unsigned in_size, void *argument) {
    (void)argument;
    return hooks_of(ssl)->alpn(session_of(ssl), out, out_size, in, in_size);
}

static int on_ticket(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seals) {
    return hooks_of(ssl)->ticket(session_of(ssl), name, iv, cipher, mac, seals);
}

static int on_given(SSL *ssl, SSL_SESSION *ticket) {
    return hooks_of(ssl)->given(session_of(ssl), ticket);
}

static int on_status(SSL *ssl, void *argument) {
    (void)argument;
    return hooks_of(ssl)->status(session_of(ssl));
}

static unsigned on_psk_server(SSL *ssl, const char *identity, unsigned char *key, unsigned size) {
    return hooks_of(ssl)->psk_server(session_of(ssl), identity, key, size);
}

static unsigned on_psk_client(SSL *ssl, const char *hint, char *identity, unsigned identity_size,
                              unsigned char *key, unsigned size) {
    (void)hint;
    return hooks_of(ssl)->psk_client(session_of(ssl), identity, identity_size, key, size);
}

static void on_info(const SSL *ssl, int where, int value) {
    if (where & SSL_CB_ALERT)
        hooks_of(ssl)->alert(session_of(ssl), (where & SSL_CB_WRITE) != 0, value >> 8, value & 0xff);
}

static void on_key_line(const SSL *ssl, const char *line) {
    hooks_of(ssl)->key_line(session_of(ssl), line);
}

void mp_tls_install_hooks(SSL_CTX *context, bool psk, bool keys) {
    SSL_CTX_set_client_hello_cb(context, on_hello, NULL);
    SSL_CTX_set_cert_verify_callback(context, on_verify, NULL);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
    SSL_CTX_sess_set_new_cb(context, on_given);
    SSL_CTX_set_tlsext_status_cb(context, on_status);
    SSL_CTX_set_info_callback(context, on_info);
    if (psk) {
        SSL_CTX_set_psk_server_callback(context, on_psk_server);
        SSL_CTX_set_psk_client_callback(context, on_psk_client);
    }
    if (keys)
        SSL_CTX_set_keylog_callback(context, on_key_line);
}
