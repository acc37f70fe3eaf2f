/*
 * OCSP responses; see ocsp.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

/* Clocks differ by so many seconds. */
#define LEEWAY 300

/* --- a response of one's own ---------------------------------------------------------------------------- */

static int64_t seconds_of(const ASN1_GENERALIZEDTIME *time) {
    static const struct tm epoch = {.tm_year = 70, .tm_mday = 1};
    struct tm date;
    int days, seconds;
    return ASN1_TIME_to_tm(time, &date) && OPENSSL_gmtime_diff(&days, &seconds, &epoch, &date)
               ? (int64_t)days * 86400 + seconds
               : 0;
}

bool mp_tls_ocsp_until(const char *bytes, size_t size, int64_t *until) {
    const unsigned char *at = (const unsigned char *)bytes;
    OCSP_RESPONSE *response = size > 0 ? d2i_OCSP_RESPONSE(NULL, &at, (long)size) : NULL;
    OCSP_BASICRESP *basic = response ? OCSP_response_get1_basic(response) : NULL;
    int count = basic ? OCSP_resp_count(basic) : 0;
    *until = INT64_MAX;
    for (int i = 0; i < count; i++) {
        ASN1_GENERALIZEDTIME *next = NULL;
        OCSP_single_get0_status(OCSP_resp_get0(basic, i), NULL, NULL, NULL, &next);
        int64_t end = next ? seconds_of(next) : INT64_MAX;
        *until = end < *until ? end : *until;
    }
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return count > 0;
}

/* --- a response of a server's --------------------------------------------------------------------------- */

/* Why there is none about any certificate, as a number of verify.h's. */
static int refusal(int status) {
    switch (status) {
    case OCSP_RESPONSE_STATUS_MALFORMEDREQUEST: return MP_TLS_OCSP_MALFORMED_REQUEST;
    case OCSP_RESPONSE_STATUS_INTERNALERROR: return MP_TLS_OCSP_INTERNAL_ERROR;
    case OCSP_RESPONSE_STATUS_TRYLATER: return MP_TLS_OCSP_TRY_LATER;
    case OCSP_RESPONSE_STATUS_SIGREQUIRED: return MP_TLS_OCSP_SIGNATURE_REQUIRED;
    case OCSP_RESPONSE_STATUS_UNAUTHORIZED: return MP_TLS_OCSP_UNAUTHORIZED;
    default: return MP_TLS_OCSP_MALFORMED_RESPONSE;
    }
}

/* Is the answer about this certificate? Its issuer is in the chain. */
static bool is_about(const OCSP_SINGLERESP *single, X509 *certificate, STACK_OF(X509) * chain) {
    OCSP_CERTID *theirs = (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single);
    ASN1_OBJECT *algorithm;
    OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, theirs);
    const EVP_MD *digest = EVP_get_digestbyobj(algorithm);
    bool same = false;
    for (int i = 0; digest && !same && i < sk_X509_num(chain); i++) {
        X509 *issuer = sk_X509_value(chain, i);
        OCSP_CERTID *ours = X509_check_issued(issuer, certificate) == X509_V_OK
                                ? OCSP_cert_to_id(digest, certificate, issuer)
                                : NULL;
        same = ours && OCSP_id_cmp(ours, theirs) == 0;
        OCSP_CERTID_free(ours);
    }
    return same;
}

static void check_answer(OCSP_SINGLERESP *single, X509 *certificate, mp_tls_errors *errors) {
    ASN1_GENERALIZEDTIME *from = NULL, *to = NULL;
    int status = OCSP_single_get0_status(single, NULL, NULL, &from, &to);
    if (OCSP_check_validity(from, to, LEEWAY, -1) != 1)
        mp_tls_errors_add(errors, MP_TLS_OCSP_EXPIRED, certificate);
    if (status == V_OCSP_CERTSTATUS_REVOKED)
        mp_tls_errors_add(errors, X509_V_ERR_CERT_REVOKED, certificate);
    else if (status != V_OCSP_CERTSTATUS_GOOD)
        mp_tls_errors_add(errors, X509_V_ERR_OCSP_CERT_UNKNOWN, certificate);
}

static void check_basic(OCSP_BASICRESP *basic, STACK_OF(X509) * chain, X509_STORE *store,
                        mp_tls_errors *errors) {
    X509 *certificate = sk_X509_value(chain, 0);
    if (OCSP_basic_verify(basic, chain, store, 0) != 1) {
        mp_tls_errors_add(errors, X509_V_ERR_OCSP_VERIFY_FAILED, certificate);
        return;
    }
    int found = 0;
    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
        if (is_about(single, certificate, chain)) {
            check_answer(single, certificate, errors);
            found++;
        }
    }
    if (found == 0)
        mp_tls_errors_add(errors, MP_TLS_OCSP_OTHER_CERTIFICATE, certificate);
}

void mp_tls_check_staple(SSL *ssl, STACK_OF(X509) * chain, mp_tls_errors *errors) {
    STACK_OF(X509) *verified = SSL_get0_verified_chain(
        ssl); /* up to the root, unless errors were overlooked */
    X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    const unsigned char *bytes = NULL;
    long size = SSL_get_tlsext_status_ocsp_resp(ssl, &bytes);
    if (verified)
        chain = verified;
    X509 *certificate = sk_X509_num(chain) > 0 ? sk_X509_value(chain, 0) : NULL;
    OCSP_RESPONSE *response = bytes && size > 0 ? d2i_OCSP_RESPONSE(NULL, &bytes, size) : NULL;
    int status = response ? OCSP_response_status(response) : 0;
    OCSP_BASICRESP *basic = response ? OCSP_response_get1_basic(response) : NULL;
    if (!bytes || size <= 0 || !certificate)
        mp_tls_errors_add(errors, X509_V_ERR_OCSP_VERIFY_NEEDED, certificate);
    else if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        mp_tls_errors_add(errors, refusal(status), certificate);
    else if (!basic)
        mp_tls_errors_add(errors, MP_TLS_OCSP_MALFORMED_RESPONSE, certificate);
    else
        check_basic(basic, chain, store, errors);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
}
