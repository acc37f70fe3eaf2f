/*
 * From options to OpenSSL's context; see compile.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/compile.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "tls/hooks.h"
#include "tls/ocsp.h"
#include "tls/pem.h"
#include "tls/roots.h"
#include "tls/tickets.h"

/* For TLS 1.2, where the defaults of OpenSSL have ciphers without forward secrecy. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
#define PSK_CIPHERS CIPHERS ":ECDHE-PSK-CHACHA20-POLY1305:DHE-PSK-AES128-GCM-SHA256:PSK-AES128-GCM-SHA256"

/* OpenSSL's defaults have finite fields up to 8,192 bits, too: with those a client's one packet would cost a
   server a thousand times as much. */
#define GROUPS "X25519:P-256:P-384:P-521"

static bool refuse(mp_tls_message *message, const char *what, const char *value) {
    mp_tls_say(message, "%s: OpenSSL knows nothing of \"%s\"", what, value);
    ERR_clear_error();
    return false;
}

static bool set_lists(SSL_CTX *context, const mp_tls_options *options, mp_tls_message *message) {
    const char *ciphers = options->texts[MP_TLS_CIPHERS], *suites = options->texts[MP_TLS_CIPHER_SUITES];
    const char *curves = options->texts[MP_TLS_CURVES];
    const char *usual = options->psk_count > 0 ? PSK_CIPHERS : CIPHERS;
    if (options->minimum_version == TLS1_3_VERSION && options->maximum_version == TLS1_2_VERSION) {
        mp_tls_say(message, "minimumProtocol: it is above maximumProtocol");
        return false;
    }
    if (SSL_CTX_set_cipher_list(context, ciphers ? ciphers : usual) != 1)
        return refuse(message, "ciphers", ciphers);
    if (suites && SSL_CTX_set_ciphersuites(context, suites) != 1)
        return refuse(message, "cipherSuites", suites);
    if (SSL_CTX_set1_groups_list(context, curves ? curves : GROUPS) != 1)
        return refuse(message, "ellipticCurves", curves);
    if (options->alpn_size > 0 && SSL_CTX_set_alpn_protos(context, (const unsigned char *)options->alpn,
                                                          (unsigned)options->alpn_size) != 0) {
        mp_tls_say(message, "allowedNextProtocols: out of memory");
        return false;
    }
    return true;
}

static void set_rules(SSL_CTX *context, const mp_tls_options *options) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     (options->tickets ? 0 : SSL_OP_NO_TICKET));
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_NO_AUTO_CHAIN); /* what the file has is sent, and no more */
    SSL_CTX_set_read_ahead(context, 1);                    /* a record's head and body at once */
    SSL_CTX_set_min_proto_version(context,
                                  options->minimum_version ? options->minimum_version : TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(context, options->maximum_version);
    SSL_CTX_set_num_tickets(context, options->tickets ? 1 : 0);
    SSL_CTX_set_timeout(context, (long)options->session_timeout);
    SSL_CTX_set_max_early_data(context, 0);
    /* A client's tickets are its socket's to keep. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    if (options->verify_depth > 0)
        SSL_CTX_set_verify_depth(context, (int)options->verify_depth);
}

static bool trusts_system(const mp_tls_options *options) {
    const char *authorities = options->texts[MP_TLS_CA_CERTIFICATES];
    return !authorities || strcmp(authorities, "system") == 0;
}

/* Whom it trusts. The system's roots come later (mp_tls_compiled_trust). */
static bool set_trust(SSL_CTX *context, const mp_tls_options *options, mp_tls_message *message) {
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    const char *authorities = options->texts[MP_TLS_CA_CERTIFICATES], *revoked = options->texts[MP_TLS_CRL];
    return (trusts_system(options) || mp_tls_use_authorities(context, store, authorities, message)) &&
           (!revoked || mp_tls_use_revoked(store, revoked, message));
}

/* The system's roots beside the lists of revoked certificates of the store, which stay as they are. */
static X509_STORE *roots_and_revoked(X509_STORE *store) {
    const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    X509_STORE *both = X509_STORE_new();
    bool made = both && mp_tls_add_system_roots(both) &&
                X509_STORE_set_flags(both, X509_V_FLAG_CRL_CHECK) == 1;
    for (int i = 0; made && i < sk_X509_OBJECT_num(objects); i++) {
        X509_CRL *revoked = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
        made = !revoked || X509_STORE_add_crl(both, revoked) == 1;
    }
    if (made)
        return both;
    X509_STORE_free(both);
    return NULL;
}

/* A ticket that was given under other roots lets nobody in. */
static bool add_roots_to_rule(mp_tls_compiled *compiled, const mp_tls_roots *roots) {
    unsigned char both[MP_TLS_RULE_SIZE + MP_TLS_STAMP_SIZE];
    memcpy(both, compiled->rule, MP_TLS_RULE_SIZE);
    memcpy(both + MP_TLS_RULE_SIZE, roots->stamp, MP_TLS_STAMP_SIZE);
    return EVP_Q_digest(NULL, "SHA256", NULL, both, sizeof both, compiled->rule_with_roots, NULL) == 1;
}

bool mp_tls_compiled_trust(mp_tls_compiled *compiled, mp_tls_shared *shared, const mp_tls_options *options) {
    X509_STORE *roots = trusts_system(options) ? mp_tls_system_roots(shared) : NULL, *store = NULL;
    if (!trusts_system(options) || (roots && compiled->roots == shared->roots.number))
        return true;
    if (roots && options->texts[MP_TLS_CRL])
        store = roots_and_revoked(SSL_CTX_get_cert_store(compiled->context));
    else if (roots && X509_STORE_up_ref(roots) == 1)
        store = roots;
    ERR_clear_error();
    if (!store || !add_roots_to_rule(compiled, &shared->roots)) {
        X509_STORE_free(store);
        return false;
    }
    SSL_CTX_set_cert_store(compiled->context, store);
    compiled->roots = shared->roots.number;
    return true;
}

/* A proof of an OCSP responder, in DER. */
static bool set_ocsp(mp_tls_compiled *compiled, const mp_tls_options *options, mp_tls_message *message) {
    const char *path = options->texts[MP_TLS_OCSP_RESPONSE];
    mp_tls_content *response = &compiled->ocsp_response;
    if (!path)
        return true;
    if (!mp_tls_read_file("ocspResponse", path, response, message))
        return false;
    bool sound = mp_tls_ocsp_until(response->bytes, response->size, &compiled->ocsp_until);
    if (!sound)
        mp_tls_say(message, "ocspResponse: '%s' has no OCSP response in DER", path);
    return sound;
}

static bool set_ticket_keys(mp_tls_compiled *compiled, const mp_tls_options *options,
                            mp_tls_message *message) {
    const char *path = options->texts[MP_TLS_TICKET_KEYS_FILE];
    if (!path)
        return true;
    compiled->ticket_keys = calloc(1, sizeof *compiled->ticket_keys);
    if (!compiled->ticket_keys)
        mp_tls_say(message, "out of memory");
    return compiled->ticket_keys && mp_tls_read_ticket_keys(path, compiled->ticket_keys, message);
}

/* --- the rule ------------------------------------------------------------------------------------------- */

static bool hash_store(EVP_MD_CTX *hash, X509_STORE *store) {
    const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size;
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509_OBJECT *object = sk_X509_OBJECT_value(objects, i);
        X509 *certificate = X509_OBJECT_get0_X509(object);
        X509_CRL *revoked = X509_OBJECT_get0_X509_CRL(object);
        if (certificate ? X509_digest(certificate, EVP_sha256(), digest, &size) != 1
                        : !revoked || X509_CRL_digest(revoked, EVP_sha256(), digest, &size) != 1)
            return false;
        if (EVP_DigestUpdate(hash, digest, size) != 1)
            return false;
    }
    return true;
}

/* The system's roots are in no store yet. */
static bool make_rule(mp_tls_compiled *compiled, const mp_tls_options *options) {
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    int mode = (int)options->verify_mode;
    bool of_system = trusts_system(options);
    bool made = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(hash, &mode, sizeof mode) == 1 &&
                EVP_DigestUpdate(hash, &options->verify_depth, sizeof options->verify_depth) == 1 &&
                EVP_DigestUpdate(hash, &of_system, sizeof of_system) == 1 &&
                hash_store(hash, SSL_CTX_get_cert_store(compiled->context)) &&
                EVP_DigestFinal_ex(hash, compiled->rule, NULL) == 1;
    EVP_MD_CTX_free(hash);
    return made;
}

/* --- all of it ------------------------------------------------------------------------------------------ */

void mp_tls_compiled_free(mp_tls_compiled *compiled) {
    SSL_CTX_free(compiled->context);
    mp_tls_release(&compiled->ocsp_response);
    if (compiled->ticket_keys)
        OPENSSL_cleanse(compiled->ticket_keys, sizeof *compiled->ticket_keys);
    free(compiled->ticket_keys);
    *compiled = (mp_tls_compiled){0};
}

static bool set_certificate(SSL_CTX *context, const mp_tls_options *options, EVP_PKEY *key,
                            mp_tls_message *message) {
    const char *certificate = options->texts[MP_TLS_CERTIFICATE], *source = options->texts[MP_TLS_KEY];
    if (!certificate && !source)
        return true;
    if (!source)
        mp_tls_say(message, "key: a certificate needs its key");
    else if (!certificate)
        mp_tls_say(message, "certificate: a key needs its certificate");
    if (!source || !certificate || !mp_tls_use_chain(context, certificate, message))
        return false;
    return key ? mp_tls_reuse_key(context, key, source, certificate, message)
               : mp_tls_use_key(context, source, options->texts[MP_TLS_PASSPHRASE], certificate, message);
}

bool mp_tls_compile(mp_tls_compiled *compiled, mp_tls_shared *shared, const mp_tls_options *options,
                    EVP_PKEY *key, mp_tls_message *message) {
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    *compiled = (mp_tls_compiled){.context = context};
    if (!context) {
        mp_tls_say(message, "out of memory");
        ERR_clear_error();
        return false;
    }
    set_rules(context, options);
    mp_tls_install_hooks(context, options->psk_count > 0, shared->keylog != NULL);
    bool made = set_lists(context, options, message) && set_certificate(context, options, key, message) &&
                set_trust(context, options, message) && set_ocsp(compiled, options, message) &&
                set_ticket_keys(compiled, options, message);
    if (made && !make_rule(compiled, options)) {
        mp_tls_say(message, "out of memory");
        made = false;
    }
    if (!made)
        mp_tls_compiled_free(compiled);
    ERR_clear_error();
    return made;
}
