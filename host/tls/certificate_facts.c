/*
 * What a certificate says: serial number, dates, names, extensions; see certificate.h. Its strings come from
 * whoever made it, and may have anything in them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/certificate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "data/address.h"

int mp_certificate_version(const mp_certificate *certificate) {
    return (int)X509_get_version(certificate) + 1;
}

int mp_certificate_serial_number(const mp_certificate *certificate, mp_text *text) {
    const ASN1_INTEGER *number = X509_get0_serialNumber(certificate);
    const unsigned char *bytes = ASN1_STRING_get0_data(number);
    int length = ASN1_STRING_length(number);
    if (ASN1_STRING_type(number) == V_ASN1_NEG_INTEGER && BIO_write(text, "-", 1) != 1)
        return -ENOMEM;
    for (int i = 0; i < length; i++) {
        if (BIO_printf(text, i == 0 ? "%02x" : ":%02x", bytes[i]) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* --- dates ---------------------------------------------------------------------------------------------- */

bool mp_certificate_date(const mp_certificate *certificate, bool expiry, int64_t *msec) {
    static const struct tm epoch = {.tm_year = 70, .tm_mday = 1};
    struct tm time;
    int days, seconds;
    const ASN1_TIME *field = expiry ? X509_get0_notAfter(certificate) : X509_get0_notBefore(certificate);
    bool ok = ASN1_TIME_to_tm(field, &time) && OPENSSL_gmtime_diff(&days, &seconds, &epoch, &time);
    ERR_clear_error();
    *msec = ok ? ((int64_t)days * 86400 + seconds) * 1000 : 0;
    return ok;
}

void mp_certificate_date_text(int64_t msec, char text[MP_DATE_TEXT]) {
    time_t seconds = (time_t)(msec / 1000);
    struct tm time;
    text[0] = '\0';
    if (OPENSSL_gmtime(&seconds, &time))
        (void)strftime(text, MP_DATE_TEXT, "%Y-%m-%dT%H:%M:%SZ", &time);
}

/* --- subject and issuer --------------------------------------------------------------------------------- */

/* QSslCertificate::SubjectInfo. */
static const struct {
    const char *name, *of_openssl;
} attributes[] = {
    {"Organization", "O"},
    {"CommonName", "CN"},
    {"LocalityName", "L"},
    {"OrganizationalUnitName", "OU"},
    {"CountryName", "C"},
    {"StateOrProvinceName", "ST"},
    {"DistinguishedNameQualifier", "dnQualifier"},
    {"SerialNumber", "serialNumber"},
    {"EmailAddress", "emailAddress"},
};

static const X509_NAME *name_of(const mp_certificate *certificate, bool issuer) {
    return issuer ? X509_get_issuer_name(certificate) : X509_get_subject_name(certificate);
}

/* What can't be converted stays as it is, so that no value is left out. The caller frees `own`. */
static const unsigned char *utf8(const ASN1_STRING *string, int *length, unsigned char **own) {
    *own = NULL;
    *length = ASN1_STRING_to_UTF8(own, string);
    ERR_clear_error();
    if (*length >= 0)
        return *own;
    *length = ASN1_STRING_length(string);
    return ASN1_STRING_get0_data(string);
}

static int add_string(mp_text *items, int kind, const ASN1_STRING *string) {
    unsigned char *own;
    int length;
    const unsigned char *bytes = utf8(string, &length, &own);
    int result = mp_text_add(items, kind, bytes, (size_t)length);
    OPENSSL_free(own);
    return result;
}

int mp_certificate_names(const mp_certificate *certificate, bool issuer, const char *attribute,
                         mp_text *items) {
    const X509_NAME *name = name_of(certificate, issuer);
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        if (strcmp(attributes[i].name, attribute) == 0)
            attribute = attributes[i].of_openssl;
    }
    ASN1_OBJECT *object = OBJ_txt2obj(attribute, 0);
    int result = 0;
    ERR_clear_error();
    if (!object)
        return 0; /* nobody has an attribute of that name */
    for (int at = -1; result == 0 && (at = X509_NAME_get_index_by_OBJ(name, object, at)) >= 0;)
        result = add_string(items, 0, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    ASN1_OBJECT_free(object);
    return result;
}

/* The short name of an object, or else its number. */
static const char *short_name(const ASN1_OBJECT *object, char *number, int size) {
    int nid = OBJ_obj2nid(object);
    if (nid != NID_undef)
        return OBJ_nid2sn(nid);
    if (OBJ_obj2txt(number, size, object, 1) <= 0)
        number[0] = '\0';
    ERR_clear_error();
    return number;
}

int mp_certificate_attributes(const mp_certificate *certificate, bool issuer, mp_text *items) {
    const X509_NAME *name = name_of(certificate, issuer);
    char number[128];
    int result = 0, count = X509_NAME_entry_count(name);
    for (int i = 0; result == 0 && i < count; i++) {
        const ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(X509_NAME_get_entry(name, i));
        if (X509_NAME_get_index_by_OBJ(name, object, -1) == i) { /* the first of its kind */
            const char *text = short_name(object, number, sizeof number);
            result = mp_text_add(items, 0, text, strlen(text));
        }
    }
    return result;
}

int mp_certificate_display_name(const mp_certificate *certificate, bool issuer, mp_text *text) {
    static const int order[] = {NID_commonName, NID_organizationName, NID_organizationalUnitName};
    const X509_NAME *name = name_of(certificate, issuer);
    int at = -1, length;
    for (size_t i = 0; at < 0 && i < sizeof order / sizeof *order; i++)
        at = X509_NAME_get_index_by_NID(name, order[i], -1);
    if (at < 0)
        return 0;
    unsigned char *own;
    const unsigned char *bytes = utf8(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), &length, &own);
    int result = length == 0 || BIO_write(text, bytes, length) == length ? 0 : -ENOMEM;
    OPENSSL_free(own);
    return result;
}

/* UTF-8 stays as it is; control characters don't. */
#define NAME_FLAGS (XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB)

int mp_certificate_line(const mp_certificate *certificate, bool issuer, mp_text *text) {
    int length = X509_NAME_print_ex(text, name_of(certificate, issuer), 0, NAME_FLAGS);
    ERR_clear_error();
    return length < 0 ? -ENOMEM : 0;
}

/* It ends early where a field makes no sense, such as a date. That is no failure, and OpenSSL's reasons say
   nothing: to it, a NUL in a name is a lack of memory. */
int mp_certificate_words(const mp_certificate *certificate, mp_text *text) {
    (void)X509_print_ex(text, (X509 *)certificate, NAME_FLAGS, 0);
    ERR_clear_error();
    return 0;
}

/* --- extensions ----------------------------------------------------------------------------------------- */

static int add_address(mp_text *items, const ASN1_OCTET_STRING *string) {
    const unsigned char *bytes = ASN1_STRING_get0_data(string);
    char text[MP_ADDRESS_TEXT];
    mp_address address;
    if (ASN1_STRING_length(string) == 16)
        mp_address_set_ipv6(&address, bytes);
    else if (ASN1_STRING_length(string) == 4)
        mp_address_set_ipv4(&address, (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
                                          (uint32_t)bytes[2] << 8 | bytes[3]);
    else
        return 0;
    return mp_text_add(items, MP_NAME_ADDRESS, text, mp_address_format(&address, text));
}

int mp_certificate_alternative_names(const mp_certificate *certificate, mp_text *items) {
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int result = 0, count = names ? sk_GENERAL_NAME_num(names) : 0;
    ERR_clear_error();
    for (int i = 0; result == 0 && i < count; i++) {
        int type;
        const void *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        if (type == GEN_EMAIL)
            result = add_string(items, MP_NAME_EMAIL, value);
        else if (type == GEN_DNS)
            result = add_string(items, MP_NAME_DNS, value);
        else if (type == GEN_IPADD)
            result = add_address(items, value);
    }
    GENERAL_NAMES_free(names);
    return result;
}

static int add_value(mp_text *items, X509_EXTENSION *extension) {
    int kind = X509_EXTENSION_get_critical(extension) ? MP_EXTENSION_CRITICAL : 0, result;
    const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(extension);
    mp_text *words = mp_text_new();
    if (!words)
        return -ENOMEM;
    if (X509V3_EXT_print(words, extension, X509V3_EXT_DEFAULT, 0)) {
        size_t length;
        const char *bytes = mp_text_bytes(words, &length);
        while (length > 0 && (bytes[length - 1] == '\n' || bytes[length - 1] == ' '))
            length--;
        result = mp_text_add(items, kind | MP_EXTENSION_SUPPORTED, bytes, length);
    } else {
        result = mp_text_add(items, kind, ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data));
    }
    mp_text_free(words);
    ERR_clear_error();
    return result;
}

int mp_certificate_extensions(const mp_certificate *certificate, mp_text *items) {
    char number[128];
    int result = 0, count = X509_get_ext_count(certificate);
    for (int i = 0; result == 0 && i < count; i++) {
        X509_EXTENSION *extension = X509_get_ext(certificate, i);
        const ASN1_OBJECT *object = X509_EXTENSION_get_object(extension);
        if (OBJ_obj2txt(number, sizeof number, object, 1) <= 0)
            number[0] = '\0';
        result = mp_text_add(items, 0, number, strlen(number));
        if (result == 0) {
            const char *name = short_name(object, number, sizeof number);
            result = mp_text_add(items, 0, name, strlen(name));
        }
        if (result == 0)
            result = add_value(items, extension);
    }
    ERR_clear_error();
    return result;
}
