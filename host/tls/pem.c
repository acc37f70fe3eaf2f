/*
 * Reading PEM; see pem.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "tls/source.h"

bool mp_pem_is_text(const char *source) {
    return strstr(source, "-----BEGIN") != NULL;
}

const char *mp_tls_source_name(const char *source, char *name, size_t size) {
    if (mp_pem_is_text(source))
        snprintf(name, size, "the text");
    else
        snprintf(name, size, "'%s'", source);
    return name;
}

/* `what` and the source's name, behind them a sentence's rest. */
static bool fail(mp_tls_message *message, const char *what, const char *source, const char *rest) {
    char name[300];
    mp_tls_say(message, "%s: %s %s", what, mp_tls_source_name(source, name, sizeof name), rest);
    ERR_clear_error();
    return false;
}

/* A BIO over what `source` says, whose content lasts until close_source; or NULL and a message. */
static BIO *open_source(const char *what, const char *source, mp_tls_content *content,
                        mp_tls_message *message) {
    if (mp_pem_is_text(source))
        *content = (mp_tls_content){source, strlen(source), NULL};
    else if (!mp_tls_read_file(what, source, content, message))
        return NULL;
    BIO *bio = content->size <= INT_MAX ? BIO_new_mem_buf(content->bytes, (int)content->size) : NULL;
    if (!bio) {
        mp_tls_release(content);
        mp_tls_say(message, "%s: out of memory", what);
    }
    return bio;
}

static void close_source(BIO *bio, mp_tls_content *content) {
    BIO_free(bio);
    mp_tls_release(content);
}

/* Has reading stopped where there is no PEM any more, and at no fault? */
static bool is_end(void) {
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* Without a passphrase, OpenSSL would ask on the terminal for that of whatever is encrypted. */
static int give_passphrase(char *buffer, int size, int writing, void *passphrase) {
    (void)writing;
    size_t length = passphrase ? strlen(passphrase) : 0;
    if (!passphrase || length > (size_t)size)
        return -1;
    memcpy(buffer, passphrase, length); // NOLINT(bugprone-not-null-terminated-result)
    return (int)length;
}

bool mp_tls_use_chain(SSL_CTX *context, const char *source, mp_tls_message *message) {
    mp_tls_content content;
    BIO *bio = open_source("certificate", source, &content, message);
    if (!bio)
        return false;
    X509 *leaf = PEM_read_bio_X509_AUX(bio, NULL, give_passphrase, NULL), *more;
    const char *wrong = NULL;
    if (!leaf)
        wrong = is_end() ? "has no certificate in PEM" : "has a certificate that can't be read";
    else if (SSL_CTX_use_certificate(context, leaf) != 1)
        wrong = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_EE_KEY_TOO_SMALL
                    ? "has a key that is too small"
                    : "has a certificate that can't be used";
    X509 *before = leaf;
    while (!wrong && (more = PEM_read_bio_X509(bio, NULL, give_passphrase, NULL))) {
        if (X509_NAME_cmp(X509_get_issuer_name(before), X509_get_subject_name(more)) != 0)
            wrong = "has its chain out of order: each certificate must have issued the one before it";
        else if (SSL_CTX_add0_chain_cert(context, more) != 1)
            wrong = "has a certificate that can't be used";
        if (wrong)
            X509_free(more);
        before = more;
    }
    if (!wrong && !is_end())
        wrong = "has a certificate that can't be read";
    X509_free(leaf);
    close_source(bio, &content);
    ERR_clear_error();
    return !wrong || fail(message, "certificate", source, wrong);
}

bool mp_tls_reuse_key(SSL_CTX *context, EVP_PKEY *key, const char *source, const char *certificate,
                      mp_tls_message *message) {
    char wrong[400], name[300];
    bool used = SSL_CTX_use_PrivateKey(context, key) == 1;
    ERR_clear_error();
    snprintf(wrong, sizeof wrong, "is not the key of the certificate in %s",
             mp_tls_source_name(certificate, name, sizeof name));
    return used || fail(message, "key", source, wrong);
}

bool mp_tls_use_key(SSL_CTX *context, const char *source, const char *passphrase, const char *certificate,
                    mp_tls_message *message) {
    mp_tls_content content;
    BIO *bio = open_source("key", source, &content, message);
    if (!bio)
        return false;
    bool encrypted = memmem(content.bytes, content.size, "ENCRYPTED", strlen("ENCRYPTED")) != NULL;
    bool there = memmem(content.bytes, content.size, "PRIVATE KEY", strlen("PRIVATE KEY")) != NULL;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, (void *)(uintptr_t)passphrase);
    const char *wrong = NULL;
    if (!key && encrypted)
        wrong = passphrase ? "can't be opened with this passphrase" : "needs a passphrase";
    else if (!key)
        wrong = there ? "has a private key that can't be read" : "has no private key in PEM";
    close_source(bio, &content);
    bool used = wrong ? fail(message, "key", source, wrong)
                      : mp_tls_reuse_key(context, key, source, certificate, message);
    EVP_PKEY_free(key);
    return used;
}

bool mp_tls_use_authorities(SSL_CTX *context, X509_STORE *store, const char *source,
                            mp_tls_message *message) {
    mp_tls_content content;
    BIO *bio = open_source("caCertificates", source, &content, message);
    if (!bio)
        return false;
    X509 *one;
    int count = 0;
    bool kept = true;
    while (kept && (one = PEM_read_bio_X509_AUX(bio, NULL, give_passphrase, NULL))) {
        kept = X509_STORE_add_cert(store, one) == 1 && SSL_CTX_add_client_CA(context, one) == 1;
        X509_free(one);
        count++;
    }
    bool whole = kept && is_end();
    close_source(bio, &content);
    ERR_clear_error();
    if (whole && count == 0)
        return fail(message, "caCertificates", source, "has no certificate in PEM");
    return whole || fail(message, "caCertificates", source, "has a certificate that can't be read");
}

bool mp_tls_use_revoked(X509_STORE *store, const char *source, mp_tls_message *message) {
    mp_tls_content content;
    BIO *bio = open_source("crl", source, &content, message);
    if (!bio)
        return false;
    X509_CRL *one;
    int count = 0;
    bool kept = true;
    while (kept && (one = PEM_read_bio_X509_CRL(bio, NULL, give_passphrase, NULL))) {
        kept = X509_STORE_add_crl(store, one) == 1;
        X509_CRL_free(one);
        count++;
    }
    bool whole = kept && is_end();
    close_source(bio, &content);
    ERR_clear_error();
    if (whole && count == 0)
        return fail(message, "crl", source, "has no list of revoked certificates in PEM");
    if (!whole)
        return fail(message, "crl", source, "has a list that can't be read");
    return X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1;
}
