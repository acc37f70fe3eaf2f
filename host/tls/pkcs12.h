/*
 * PKCS #12: a key, its certificate, and those of its authorities in one file.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_PKCS12_H
#define MP_PKCS12_H

#include "tls/certificate.h"

/* Whoever gets them frees them; mp_pkcs12_free does for all. */
typedef struct mp_pkcs12 {
    mp_key *key;                   /* NULL: it has none */
    mp_certificate *certificate;   /* the key's, NULL as well */
    mp_certificates *certificates; /* the others; empty or NULL */
} mp_pkcs12;

/* -> 0, or -errno and why */
int mp_pkcs12_read(mp_tls_source source, mp_passphrase passphrase, mp_pkcs12 *content, const char **why);
void mp_pkcs12_free(mp_pkcs12 *content);

#endif
