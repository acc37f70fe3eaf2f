/*
 * OCSP responses (RFC 6960): what an authority says about whether a certificate is revoked.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_OCSP_H
#define MP_TLS_OCSP_H

#include <openssl/ssl.h>

#include "tls/verify.h"

/* Until when a response in DER is valid, in seconds since 1970; INT64_MAX: it says no time. False: it is
   no response, or one that says nothing. */
bool mp_tls_ocsp_until(const char *bytes, size_t size, int64_t *until);

/* Adds what is wrong with the response that a server has stapled for its certificate, the first of the
   chain. */
void mp_tls_check_staple(SSL *ssl, STACK_OF(X509) * chain, mp_tls_errors *errors);

#endif
