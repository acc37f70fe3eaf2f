/*
 * Keys, private and public, as OpenSSL has them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_KEY_H
#define MP_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "tls/source.h"
#include "tls/text.h"

/* OpenSSL's EVP_PKEY; whoever keeps one counts a reference. */
typedef struct evp_pkey_st mp_key;

/* One reference more, or less. NULL does nothing. */
void mp_key_reference(mp_key *key);
void mp_key_unreference(mp_key *key);

/* Bytes that decrypt a key; NULL: there are none. Nobody is ever asked for them. */
typedef struct mp_passphrase {
    const char *bytes;
    size_t length;
} mp_passphrase;

#define MP_LONGEST_PASSPHRASE 1023

/* The first key in PEM, between whatever else: a private one, or else a public one. Or one in DER. What isn't
   encrypted needs no passphrase, and any is ignored. -> 0, or -errno and why */
int mp_key_read(mp_tls_source source, mp_passphrase passphrase, mp_key **key, const char **why);

/* QSsl::KeyAlgorithm's name ("Rsa", "Ec" …), "Ed25519" and the like, or else OpenSSL's name. */
const char *mp_key_algorithm(const mp_key *key);

int mp_key_bits(const mp_key *key);
bool mp_key_is_private(const mp_key *key);

/* True for the same key, if both are private or both public. */
bool mp_key_equal(const mp_key *a, const mp_key *b);

/* PKCS #8 of a private key, which a passphrase encrypts (AES-256); a public key is never encrypted. -> 0, or
   -errno and why */
int mp_key_pem(const mp_key *key, mp_passphrase passphrase, mp_text *text, const char **why);
int mp_key_der(const mp_key *key, mp_text *text, const char **why);

#endif
