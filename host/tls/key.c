/*
 * Keys; see key.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/key.h"

#include <errno.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

void mp_key_reference(mp_key *key) {
    if (key)
        EVP_PKEY_up_ref(key);
}

void mp_key_unreference(mp_key *key) {
    EVP_PKEY_free(key);
}

/* --- reading -------------------------------------------------------------------------------------------- */

typedef struct question {
    mp_passphrase passphrase;
    bool asked;
} question;

/* Instead of OpenSSL's, which asks on the terminal. */
static int answer(char *buffer, int size, int writing, void *context) {
    question *asked = context;
    (void)writing;
    asked->asked = true;
    if (!asked->passphrase.bytes || asked->passphrase.length > (size_t)size)
        return -1;
    memcpy(buffer, asked->passphrase.bytes, asked->passphrase.length);
    return (int)asked->passphrase.length;
}

static EVP_PKEY *read_pem(BIO *bio, question *asked) {
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, answer, asked);
    if (!key && !asked->asked) {
        ERR_clear_error();
        (void)BIO_reset(bio); /* to its beginning: it is read-only */
        key = PEM_read_bio_PUBKEY(bio, NULL, answer, asked);
    }
    return key;
}

static EVP_PKEY *read_der(BIO *bio, question *asked) {
    EVP_PKEY *key = d2i_PrivateKey_bio(bio, NULL);
    for (int i = 0; !key && i < 2; i++) {
        ERR_clear_error();
        (void)BIO_reset(bio);
        key = i == 0 ? d2i_PUBKEY_bio(bio, NULL) : d2i_PKCS8PrivateKey_bio(bio, NULL, answer, asked);
    }
    return key;
}

int mp_key_read(mp_tls_source source, mp_passphrase passphrase, mp_key **key, const char **why) {
    mp_tls_content content;
    question asked = {passphrase, false};
    *key = NULL;
    int result = mp_tls_read(source, &content, why);
    if (result < 0)
        return result;
    bool is_pem = mp_tls_is_pem(&content);
    BIO *bio = BIO_new_mem_buf(content.bytes, (int)content.size);
    if (bio)
        *key = is_pem ? read_pem(bio, &asked) : read_der(bio, &asked);
    if (!*key)
        result = mp_tls_fail(why, !bio                               ? "out of memory"
                                  : asked.asked && !passphrase.bytes ? "it needs a passphrase"
                                  : asked.asked                      ? "the passphrase is wrong"
                                  : is_pem                           ? "no key is in it, or a damaged one"
                                           : "no key is in it, neither in PEM nor in DER");
    BIO_free(bio);
    mp_tls_release(&content);
    ERR_clear_error();
    return result;
}

/* --- questions ------------------------------------------------------------------------------------------ */

const char *mp_key_algorithm(const mp_key *key) {
    static const struct {
        int id;
        const char *name;
    } algorithms[] = {
        {EVP_PKEY_RSA, "Rsa"},         {EVP_PKEY_RSA_PSS, "RsaPss"}, {EVP_PKEY_DSA, "Dsa"},
        {EVP_PKEY_EC, "Ec"},           {EVP_PKEY_DH, "Dh"},          {EVP_PKEY_DHX, "Dh"},
        {EVP_PKEY_ED25519, "Ed25519"}, {EVP_PKEY_ED448, "Ed448"},    {EVP_PKEY_X25519, "X25519"},
        {EVP_PKEY_X448, "X448"},
    };
    int id = EVP_PKEY_get_base_id(key);
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        if (algorithms[i].id == id)
            return algorithms[i].name;
    }
    const char *name = EVP_PKEY_get0_type_name(key);
    return name ? name : "Opaque";
}

int mp_key_bits(const mp_key *key) {
    int bits = EVP_PKEY_get_bits(key);
    ERR_clear_error();
    return bits;
}

/* OpenSSL has no question for it: it is private if it has the number, or the bytes, that must be kept
   secret. */
bool mp_key_is_private(const mp_key *key) {
    BIGNUM *number = NULL;
    size_t length = 0;
    bool is = EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0, &length) ||
              EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_D, &number) ||
              EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number);
    BN_clear_free(number);
    ERR_clear_error();
    return is;
}

bool mp_key_equal(const mp_key *a, const mp_key *b) {
    bool same = EVP_PKEY_eq(a, b) == 1 && mp_key_is_private(a) == mp_key_is_private(b);
    ERR_clear_error();
    return same;
}

/* --- writing -------------------------------------------------------------------------------------------- */

static const char unwritable[] = "OpenSSL can't write a key of this kind";

int mp_key_pem(const mp_key *key, mp_passphrase passphrase, mp_text *text, const char **why) {
    bool encrypted = passphrase.bytes && passphrase.length > 0;
    int ok = mp_key_is_private(key)
                 ? PEM_write_bio_PKCS8PrivateKey(text, key, encrypted ? EVP_aes_256_cbc() : NULL,
                                                 passphrase.bytes, (int)passphrase.length, NULL, NULL)
                 : PEM_write_bio_PUBKEY(text, key);
    return ok ? 0 : mp_tls_fail(why, unwritable);
}

int mp_key_der(const mp_key *key, mp_text *text, const char **why) {
    int ok = mp_key_is_private(key) ? i2d_PKCS8PrivateKey_bio(text, key, NULL, NULL, 0, NULL, NULL)
                                    : i2d_PUBKEY_bio(text, key);
    return ok ? 0 : mp_tls_fail(why, unwritable);
}
