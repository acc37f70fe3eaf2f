/*
 * Protocols and keys of a configuration; see offers.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/offers.h"

#include <string.h>

int mp_tls_choose_protocol(mp_tls_session *session, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *in, unsigned in_size) {
    const mp_tls_options *options = mp_tls_configuration_options(session->configuration);
    if (options->alpn_size == 0)
        return SSL_TLSEXT_ERR_NOACK;
    int result = SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_size,
                                       (const unsigned char *)options->alpn, (unsigned)options->alpn_size, in,
                                       in_size);
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

unsigned mp_tls_key_of_identity(mp_tls_session *session, const char *identity, unsigned char *key,
                                unsigned size) {
    const mp_tls_options *options = mp_tls_configuration_options(session->configuration);
    for (size_t i = 0; i < options->psk_count; i++) {
        const mp_tls_psk *psk = &options->psks[i];
        if (strcmp(psk->identity, identity) == 0 && psk->key_size <= size) {
            memcpy(key, psk->key, psk->key_size);
            return (unsigned)psk->key_size;
        }
    }
    return 0;
}

unsigned mp_tls_first_identity(mp_tls_session *session, char *identity, unsigned identity_size,
                               unsigned char *key, unsigned size) {
    const mp_tls_psk *psk = mp_tls_configuration_options(session->configuration)->psks;
    size_t length = psk ? strlen(psk->identity) : 0;
    if (!psk || length >= identity_size || psk->key_size > size)
        return 0;
    memcpy(identity, psk->identity, length + 1);
    memcpy(key, psk->key, psk->key_size);
    return (unsigned)psk->key_size;
}
