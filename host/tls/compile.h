/*
 * What OpenSSL makes of a configuration's options.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_COMPILE_H
#define MP_TLS_COMPILE_H

#include <openssl/ssl.h>

#include "tls/configuration.h"
#include "tls/shared.h"
#include "tls/source.h"

typedef struct mp_tls_compiled {
    SSL_CTX *context;
    unsigned char rule[MP_TLS_RULE_SIZE]; /* a hash of whom it lets in, of the options alone */
    unsigned char
        rule_with_roots[MP_TLS_RULE_SIZE]; /* if `roots` isn't 0: the same with the system's roots */
    mp_tls_content ocsp_response;          /* DER, or nothing */
    int64_t ocsp_until;                    /* seconds since 1970 */
    mp_tls_ticket_keys *ticket_keys;       /* of a file, or NULL */
    uint32_t roots; /* which of the system's it trusts (shared->roots.number); 0: none */
} mp_tls_compiled;

/* Makes them of the options, whose files are read; but not the key's if `key` is what it was found to be
   before. False and what is wrong: nothing is left behind. */
bool mp_tls_compile(mp_tls_compiled *compiled, mp_tls_shared *shared, const mp_tls_options *options,
                    EVP_PKEY *key, mp_tls_message *message);

/* Has it trust the system's roots as they are now, if that is what the options say; its rule is another one
   then. False: no memory. */
bool mp_tls_compiled_trust(mp_tls_compiled *compiled, mp_tls_shared *shared, const mp_tls_options *options);

void mp_tls_compiled_free(mp_tls_compiled *compiled);

#endif
