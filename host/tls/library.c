/*
 * OpenSSL's algorithms; see library.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/library.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>
#include <stddef.h>

/* All algorithms of a kind are made when the first is asked for. These are what every OpenSSL has, also one
   that is held to FIPS 140. */
#define HAS(kind, ...)                                                                                       \
    static bool has_##kind(void) {                                                                           \
        static const char *const names[] = {__VA_ARGS__};                                                    \
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {                                          \
            EVP_##kind *one = EVP_##kind##_fetch(NULL, names[i], NULL);                                      \
            if (!one)                                                                                        \
                return false;                                                                                \
            EVP_##kind##_free(one);                                                                          \
        }                                                                                                    \
        return true;                                                                                         \
    }

HAS(MD, "SHA256", "SHA384")
HAS(CIPHER, "AES-128-GCM", "AES-256-GCM")
HAS(MAC, "HMAC")
HAS(KDF, "TLS13-KDF", "TLS1-PRF", "HKDF")
HAS(KEYMGMT, "RSA", "EC")
HAS(KEYEXCH, "ECDH")
HAS(SIGNATURE, "RSA", "ECDSA")
HAS(RAND, "CTR-DRBG")

/* A curve whose keys it has, and that isn't there to exchange them, fails each handshake that has chosen
   it. */
static bool has_both(const char *curve) {
    EVP_KEYMGMT *keys = EVP_KEYMGMT_fetch(NULL, curve, NULL);
    EVP_KEYEXCH *exchange = EVP_KEYEXCH_fetch(NULL, curve, NULL);
    bool both = !keys == !exchange;
    EVP_KEYMGMT_free(keys);
    EVP_KEYEXCH_free(exchange);
    return both;
}

bool mp_tls_library_is_whole(void) {
    /* Where these fail, the rest doesn't look, and crashes. */
    bool begun = OPENSSL_init_ssl(0, NULL) == 1 && OSSL_LIB_CTX_get0_global_default();
    bool whole = begun && has_MD() && has_CIPHER() && has_MAC() && has_KDF() && has_KEYMGMT() &&
                 has_KEYEXCH() && has_SIGNATURE() && has_RAND() && has_both("X25519") && has_both("X448");
    ERR_clear_error();
    return whole;
}
