/*
 * Certificates: reading and writing them, lists of them; see certificate.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/certificate.h"

#include <errno.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

void mp_certificate_reference(mp_certificate *certificate) {
    if (certificate)
        X509_up_ref(certificate);
}

void mp_certificate_unreference(mp_certificate *certificate) {
    X509_free(certificate);
}

/* --- lists ---------------------------------------------------------------------------------------------- */

mp_certificates *mp_certificates_new(void) {
    return sk_X509_new_null();
}

void mp_certificates_free(mp_certificates *certificates) {
    sk_X509_pop_free(certificates, X509_free);
}

int mp_certificates_count(const mp_certificates *certificates) {
    int count = sk_X509_num(certificates);
    return count < 0 ? 0 : count;
}

mp_certificate *mp_certificates_at(const mp_certificates *certificates, int index) {
    return sk_X509_value(certificates, index);
}

int mp_certificates_add(mp_certificates *certificates, mp_certificate *certificate) {
    if (sk_X509_push(certificates, certificate) <= 0) {
        ERR_clear_error();
        return -ENOMEM;
    }
    X509_up_ref(certificate);
    return 0;
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* Without one, OpenSSL would ask on the terminal for the passphrase of a certificate that is encrypted. */
// NOLINTNEXTLINE(readability-non-const-parameter)
static int no_passphrase(char *buffer, int size, int writing, void *context) {
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}

static int read_pem(BIO *bio, mp_certificates *certificates, const char **why) {
    X509 *certificate;
    while ((certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL))) {
        int result = mp_certificates_add(certificates, certificate);
        X509_free(certificate);
        if (result < 0) {
            *why = "out of memory";
            return result;
        }
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return mp_tls_fail(why, "a certificate in it is damaged");
    if (mp_certificates_count(certificates) == 0)
        return mp_tls_fail(why, "no certificate is in it");
    ERR_clear_error();
    return 0;
}

static int read_der(const mp_tls_content *content, mp_certificates *certificates, const char **why) {
    const unsigned char *at = (const unsigned char *)content->bytes;
    X509 *certificate = d2i_X509(NULL, &at, (long)content->size);
    int result = 0;
    if (!certificate || at != (const unsigned char *)content->bytes + content->size)
        result = mp_tls_fail(why, "no certificate is in it, neither in PEM nor in DER");
    else if (mp_certificates_add(certificates, certificate) < 0)
        result = -ENOMEM, *why = "out of memory";
    X509_free(certificate);
    return result;
}

int mp_certificates_read(mp_tls_source source, mp_certificates **certificates, const char **why) {
    mp_tls_content content;
    *certificates = NULL;
    int result = mp_tls_read(source, &content, why);
    if (result < 0)
        return result;
    mp_certificates *list = mp_certificates_new();
    BIO *bio = BIO_new_mem_buf(content.bytes, (int)content.size);
    if (!list || !bio)
        result = mp_tls_fail(why, "out of memory");
    else
        result = mp_tls_is_pem(&content) ? read_pem(bio, list, why) : read_der(&content, list, why);
    BIO_free(bio);
    mp_tls_release(&content);
    if (result < 0)
        mp_certificates_free(list);
    else
        *certificates = list;
    return result;
}

/* --- questions ------------------------------------------------------------------------------------------ */

bool mp_certificate_equal(const mp_certificate *a, const mp_certificate *b) {
    return X509_cmp(a, b) == 0;
}

bool mp_certificate_is_self_signed(const mp_certificate *certificate) {
    bool is = X509_self_signed((X509 *)certificate, 1) == 1; /* which it only looks at */
    ERR_clear_error();
    return is;
}

mp_key *mp_certificate_public_key(const mp_certificate *certificate) {
    EVP_PKEY *key = X509_get_pubkey((X509 *)certificate); /* which it only looks at */
    ERR_clear_error();
    return key;
}

/* MP_DIGEST_SHA256 is a place in it. */
static const struct {
    const char *name, *of_openssl;
} digests[] = {
    {"Md5", "MD5"},
    {"Sha1", "SHA1"},
    {"Sha224", "SHA224"},
    {"Sha256", "SHA256"},
    {"Sha384", "SHA384"},
    {"Sha512", "SHA512"},
    {"Sha3_224", "SHA3-224"},
    {"Sha3_256", "SHA3-256"},
    {"Sha3_384", "SHA3-384"},
    {"Sha3_512", "SHA3-512"},
    {NULL, NULL},
};

const char *mp_digest_name(int algorithm) {
    return digests[algorithm].name;
}

int mp_certificate_digest(const mp_certificate *certificate, int algorithm,
                          unsigned char digest[MP_DIGEST_SIZE]) {
    unsigned length = 0;
    EVP_MD *method = EVP_MD_fetch(NULL, digests[algorithm].of_openssl, NULL);
    int result = method && X509_digest(certificate, method, digest, &length) ? (int)length : -ENOTSUP;
    EVP_MD_free(method);
    ERR_clear_error();
    return result;
}

/* --- writing -------------------------------------------------------------------------------------------- */

static int written(int ok) {
    ERR_clear_error();
    return ok ? 0 : -ENOMEM;
}

int mp_certificate_pem(const mp_certificate *certificate, mp_text *text) {
    return written(PEM_write_bio_X509(text, certificate));
}

int mp_certificate_der(const mp_certificate *certificate, mp_text *text) {
    return written(i2d_X509_bio(text, certificate));
}

bool mp_certificate_answers_to(mp_certificate *certificate, const char *name) {
    const unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
    if (name[0] == '.' || name[0] == '\0') /* to OpenSSL any name below, a mistake */
        return false;
    return X509_check_host(certificate, name, 0, flags, NULL) == 1 ||
           X509_check_ip_asc(certificate, name, 0) == 1;
}
