/*
 * OCSP stapling; see stapling.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/stapling.h"

#include <stdlib.h>
#include <time.h>

#include "tls/ocsp.h"
#include "tls/peer_errors.h"

/* None at all is better than one that has expired: clients refuse that. */
static int staple(const mp_tls_session *session) {
    size_t size;
    int64_t until;
    const char *response = mp_tls_configuration_ocsp(session->configuration, &size, &until);
    unsigned char *copy = NULL;
    if (!response || until <= (int64_t)time(NULL) || !(copy = OPENSSL_memdup(response, size)))
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(session->ssl, copy, (int)size);
    return SSL_TLSEXT_ERR_OK;
}

/* The chain has been verified before. What is wrong is for the handlers when the handshake ends; without
   them the handshake ends now, with an alert that says why. */
static int check(mp_tls_session *session) {
    mp_stream *stream = session->owner;
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    mp_tls_errors *errors = extras->errors ? extras->errors : mp_tls_fresh_errors(extras);
    size_t before = errors ? errors->count : 0;
    if (!errors)
        return -1;
    mp_tls_check_staple(session->ssl, extras->peer_chain, errors);
    int fault = mp_tls_first_fault(extras);
    if (errors->count == before)
        return 1;
    if (extras->has_judge) {
        extras->verdict = VERDICT_DUE;
        return 1;
    }
    if (fault == 0 || mp_ssl_verify_mode(extras) == MP_QUERY_PEER)
        return 1;
    mp_tls_set_text(stream, "%s", mp_tls_error_text(fault));
    return 0;
}

int mp_tls_status(mp_tls_session *session) {
    if (session->mode == MP_SSL_SERVER_MODE)
        return staple(session);
    return SSL_get_tlsext_status_type(session->ssl) == TLSEXT_STATUSTYPE_ocsp ? check(session) : 1;
}
