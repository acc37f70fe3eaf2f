/*
 * Verifying a chain; see chain.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/chain.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "resolver/name.h"

int mp_tls_verify_chain(mp_tls_configuration *configuration, mp_certificates *chain, const char *name,
                        mp_tls_errors *errors) {
    const mp_tls_options *options = mp_tls_configuration_options(configuration);
    mp_certificate *leaf = mp_certificates_at(chain, 0);
    char folded[MP_NAME_SIZE];
    if (!leaf) {
        mp_tls_errors_add(errors, X509_V_ERR_UNSPECIFIED, NULL);
        return 0;
    }
    X509_STORE_CTX *context = mp_tls_configuration_trust(configuration) ? X509_STORE_CTX_new() : NULL;
    X509_STORE *store = SSL_CTX_get_cert_store(mp_tls_configuration_context(configuration));
    int result = context && X509_STORE_CTX_init(context, store, leaf, chain) == 1 ? 0 : -ENOMEM;
    if (result == 0) {
        if (options->verify_depth > 0)
            X509_STORE_CTX_set_depth(context, (int)options->verify_depth);
        mp_tls_verify(context, errors);
        if (name && (mp_name_fold(folded, name) < 0 || !mp_certificate_answers_to(leaf, folded)))
            mp_tls_errors_add(errors, X509_V_ERR_HOSTNAME_MISMATCH, leaf);
    }
    X509_STORE_CTX_free(context);
    ERR_clear_error();
    return result;
}
