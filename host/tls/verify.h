/*
 * Verifying a peer: OpenSSL's words for what is wrong with a certificate as Qt's (QSslError), and all that is
 * wrong instead of the first.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_VERIFY_H
#define MP_TLS_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "tls/certificate.h"

/* So many errors of one peer are kept; a chain has no more that matter. */
#define MP_TLS_MOST_ERRORS 16

/* Errors that OpenSSL has no number for. */
enum {
    MP_TLS_NO_PEER_CERTIFICATE = -1,
    MP_TLS_OCSP_MALFORMED_REQUEST = -2,
    MP_TLS_OCSP_MALFORMED_RESPONSE = -3,
    MP_TLS_OCSP_INTERNAL_ERROR = -4,
    MP_TLS_OCSP_TRY_LATER = -5,
    MP_TLS_OCSP_SIGNATURE_REQUIRED = -6,
    MP_TLS_OCSP_UNAUTHORIZED = -7,
    MP_TLS_OCSP_OTHER_CERTIFICATE = -8,
    MP_TLS_OCSP_EXPIRED = -9
};

/* What is wrong with a certificate of the peer's. */
typedef struct mp_tls_error {
    int number;                  /* OpenSSL's X509_V_ERR_…, or one of those above */
    mp_certificate *certificate; /* with a reference; NULL: there is none */
} mp_tls_error;

struct x509_store_ctx_st;

typedef struct mp_tls_errors {
    size_t count;
    mp_tls_error list[MP_TLS_MOST_ERRORS];
} mp_tls_errors;

/* Qt's name of the error ("SelfSignedCertificate"); "UnspecifiedError" for what Qt has no name for. */
const char *mp_tls_error_code(int number);

/* Qt's words, or OpenSSL's where Qt has none. */
const char *mp_tls_error_text(int number);

/* Adds one, unless it is there or there are too many. */
void mp_tls_errors_add(mp_tls_errors *errors, int number, mp_certificate *certificate);

/* Frees what they refer to; there are none then. */
void mp_tls_errors_clear(mp_tls_errors *errors);

/* Verifies what the store context was made for to its end, and adds each error. */
void mp_tls_verify(struct x509_store_ctx_st *context, mp_tls_errors *errors);

#endif
