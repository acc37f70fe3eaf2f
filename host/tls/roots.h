/*
 * The roots that the system trusts, where OpenSSL looks for them: a file and folders, also by the environment
 * (SSL_CERT_FILE, SSL_CERT_DIR). One store for all, read at first need, and anew when they have changed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_ROOTS_H
#define MP_TLS_ROOTS_H

#include "tls/shared.h"

/* They are looked at when a peer is about to be verified, but only once in so many milliseconds. */
#define MP_TLS_ROOTS_AGE 1000.0

/* The store; shared->roots.number says which one it is. NULL: no memory. */
X509_STORE *mp_tls_system_roots(mp_tls_shared *shared);

/* The next need looks at them, whenever that is. */
void mp_tls_look_at_roots(mp_tls_shared *shared);

/* Adds the certificates of the system to another store. False: no memory. */
bool mp_tls_add_system_roots(X509_STORE *store);

#endif
