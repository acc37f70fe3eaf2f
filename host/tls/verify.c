/*
 * Verifying a peer; see verify.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/verify.h"

#include <openssl/x509_vfy.h>

/* Qt's names and words (QSslError); no words: OpenSSL's are better. */
static const struct {
    int number;
    const char *code, *text;
} table[] = {
    {X509_V_OK, "NoError", "No error"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "UnableToGetIssuerCertificate",
     "The issuer certificate could not be found"},
    {X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, "UnableToDecryptCertificateSignature",
     "The certificate signature could not be decrypted"},
    {X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, "UnableToDecodeIssuerPublicKey",
     "The public key in the certificate could not be read"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "CertificateSignatureFailed",
     "The signature of the certificate is invalid"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "CertificateNotYetValid", "The certificate is not yet valid"},
    {X509_V_ERR_CERT_HAS_EXPIRED, "CertificateExpired", "The certificate has expired"},
    {X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, "InvalidNotBeforeField",
     "The certificate's notBefore field contains an invalid time"},
    {X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, "InvalidNotAfterField",
     "The certificate's notAfter field contains an invalid time"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "SelfSignedCertificate",
     "The certificate is self-signed, and untrusted"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "SelfSignedCertificateInChain",
     "The root certificate of the certificate chain is self-signed, and untrusted"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "UnableToGetLocalIssuerCertificate",
     "The issuer certificate of a locally looked up certificate could not be found"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "UnableToVerifyFirstCertificate",
     "No certificates could be verified"},
    {X509_V_ERR_CERT_REVOKED, "CertificateRevoked", NULL},
    {X509_V_ERR_INVALID_CA, "InvalidCaCertificate", "One of the CA certificates is invalid"},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, "PathLengthExceeded",
     "The basicConstraints path length parameter has been exceeded"},
    {X509_V_ERR_INVALID_PURPOSE, "InvalidPurpose", "The supplied certificate is unsuitable for this purpose"},
    {X509_V_ERR_CERT_UNTRUSTED, "CertificateUntrusted",
     "The root CA certificate is not trusted for this purpose"},
    {X509_V_ERR_CERT_REJECTED, "CertificateRejected",
     "The root CA certificate is marked to reject the specified purpose"},
    {X509_V_ERR_SUBJECT_ISSUER_MISMATCH, "SubjectIssuerMismatch", NULL},
    {X509_V_ERR_AKID_SKID_MISMATCH, "AuthorityIssuerSerialNumberMismatch", NULL},
    {X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH, "AuthorityIssuerSerialNumberMismatch", NULL},
    {MP_TLS_NO_PEER_CERTIFICATE, "NoPeerCertificate", "The peer did not present any certificate"},
    {X509_V_ERR_HOSTNAME_MISMATCH, "HostNameMismatch",
     "The host name did not match any of the valid hosts for this certificate"},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, "HostNameMismatch",
     "The host name did not match any of the valid hosts for this certificate"},
    {X509_V_ERR_OCSP_VERIFY_NEEDED, "OcspNoResponseFound", "No OCSP status response found"},
    {X509_V_ERR_OCSP_VERIFY_FAILED, "OcspResponseCannotBeTrusted",
     "OCSP responder's identity cannot be verified"},
    {X509_V_ERR_OCSP_CERT_UNKNOWN, "OcspStatusUnknown", "The certificate's status is unknown"},
    {MP_TLS_OCSP_MALFORMED_REQUEST, "OcspMalformedRequest", "The OCSP status request had invalid syntax"},
    {MP_TLS_OCSP_MALFORMED_RESPONSE, "OcspMalformedResponse", "The OCSP response can't be read"},
    {MP_TLS_OCSP_INTERNAL_ERROR, "OcspInternalError",
     "OCSP responder reached an inconsistent internal state"},
    {MP_TLS_OCSP_TRY_LATER, "OcspTryLater",
     "OCSP responder was unable to return a status for the requested certificate"},
    {MP_TLS_OCSP_SIGNATURE_REQUIRED, "OcspSigRequred", /* Qt's spelling */
     "The server requires the client to sign the OCSP request in order to construct a response"},
    {MP_TLS_OCSP_UNAUTHORIZED, "OcspUnauthorized",
     "The client is not authorized to request OCSP status from this server"},
    {MP_TLS_OCSP_OTHER_CERTIFICATE, "OcspResponseCertIdUnknown",
     "The identity of a certificate in an OCSP response cannot be established"},
    {MP_TLS_OCSP_EXPIRED, "OcspResponseExpired", "The certificate status response has expired"},
};

#define ROWS (sizeof table / sizeof *table)

const char *mp_tls_error_code(int number) {
    for (size_t i = 0; i < ROWS; i++)
        if (table[i].number == number)
            return table[i].code;
    return "UnspecifiedError";
}

const char *mp_tls_error_text(int number) {
    for (size_t i = 0; i < ROWS; i++)
        if (table[i].number == number && table[i].text)
            return table[i].text;
    return X509_verify_cert_error_string(number);
}

void mp_tls_errors_add(mp_tls_errors *errors, int number, mp_certificate *certificate) {
    for (size_t i = 0; i < errors->count; i++)
        if (errors->list[i].number == number && errors->list[i].certificate == certificate)
            return;
    if (errors->count == MP_TLS_MOST_ERRORS)
        return;
    mp_certificate_reference(certificate);
    errors->list[errors->count++] = (mp_tls_error){number, certificate};
}

void mp_tls_errors_clear(mp_tls_errors *errors) {
    for (size_t i = 0; i < errors->count; i++)
        mp_certificate_unreference(errors->list[i].certificate);
    errors->count = 0;
}

/* By X509_STORE_CTX_set_app_data: where the errors of a verification go. OpenSSL's own use of a connection's
   context leaves that index to its application. */
static int note_error(int ok, X509_STORE_CTX *context) {
    if (!ok)
        mp_tls_errors_add(X509_STORE_CTX_get_app_data(context), X509_STORE_CTX_get_error(context),
                          X509_STORE_CTX_get_current_cert(context));
    return 1;
}

void mp_tls_verify(X509_STORE_CTX *context, mp_tls_errors *errors) {
    void *before = X509_STORE_CTX_get_app_data(context);
    X509_STORE_CTX_set_app_data(context, errors);
    X509_STORE_CTX_set_verify_cb(context, note_error);
    if (X509_verify_cert(context) <= 0 && errors->count == 0)
        mp_tls_errors_add(errors, X509_STORE_CTX_get_error(context), NULL);
    X509_STORE_CTX_set_app_data(context, before);
}
