/*
 * Reading what a TLS configuration is made of: PEM, as a text or by the path of a file. What goes wrong is
 * told in one sentence that names the file.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_PEM_H
#define MP_TLS_PEM_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "tls/message.h"

/* Is it PEM text, and no path? */
bool mp_pem_is_text(const char *source);

/* What a message calls it: the path in quotes, or "the text". */
const char *mp_tls_source_name(const char *source, char *name, size_t size);

/* Puts the chain, leaf first, into the context. */
bool mp_tls_use_chain(SSL_CTX *context, const char *source, mp_tls_message *message);

/* Puts the key into the context; it must be that of the chain's leaf. `passphrase` may be NULL. */
bool mp_tls_use_key(SSL_CTX *context, const char *source, const char *passphrase, const char *certificate,
                    mp_tls_message *message);

/* Puts a key into the context that was read before; `source` and `certificate` are for the message. */
bool mp_tls_reuse_key(SSL_CTX *context, EVP_PKEY *key, const char *source, const char *certificate,
                      mp_tls_message *message);

/* Adds each certificate to a store, and to the names that a server tells its clients to choose from. */
bool mp_tls_use_authorities(SSL_CTX *context, X509_STORE *store, const char *source, mp_tls_message *message);

/* Adds each list of revoked certificates to a store, which looks at them then. */
bool mp_tls_use_revoked(X509_STORE *store, const char *source, mp_tls_message *message);

#endif
