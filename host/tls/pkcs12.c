/*
 * PKCS #12; see pkcs12.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/pkcs12.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>

void mp_pkcs12_free(mp_pkcs12 *content) {
    mp_key_unreference(content->key);
    mp_certificate_unreference(content->certificate);
    mp_certificates_free(content->certificates);
    memset(content, 0, sizeof *content);
}

/* OpenSSL takes no NUL in a passphrase: it would look only at what is before. */
static bool opens(PKCS12 *file, mp_passphrase passphrase) {
    if (!passphrase.bytes)
        return PKCS12_verify_mac(file, NULL, 0) || PKCS12_verify_mac(file, "", 0);
    return !memchr(passphrase.bytes, '\0', passphrase.length) &&
           PKCS12_verify_mac(file, passphrase.bytes, (int)passphrase.length);
}

static int parse(PKCS12 *file, mp_passphrase passphrase, mp_pkcs12 *content, const char **why) {
    if (PKCS12_mac_present(file) && !opens(file, passphrase))
        return mp_tls_fail(why, passphrase.bytes ? "the passphrase is wrong" : "it needs a passphrase");
    ERR_clear_error();
    if (!PKCS12_parse(file, passphrase.bytes, &content->key, &content->certificate, &content->certificates))
        return mp_tls_fail(why, ERR_GET_REASON(ERR_peek_error()) == ERR_R_UNSUPPORTED
                                    ? "its encryption is one that OpenSSL no longer supports"
                                    : "it is damaged, or the passphrase is wrong");
    return 0;
}

int mp_pkcs12_read(mp_tls_source source, mp_passphrase passphrase, mp_pkcs12 *content, const char **why) {
    mp_tls_content bytes;
    memset(content, 0, sizeof *content);
    int result = mp_tls_read(source, &bytes, why);
    if (result < 0)
        return result;
    const unsigned char *at = (const unsigned char *)bytes.bytes;
    PKCS12 *file = d2i_PKCS12(NULL, &at, (long)bytes.size);
    result = file ? parse(file, passphrase, content, why) : mp_tls_fail(why, "it is no PKCS #12");
    PKCS12_free(file);
    mp_tls_release(&bytes);
    if (result < 0)
        mp_pkcs12_free(content);
    ERR_clear_error();
    return result;
}
