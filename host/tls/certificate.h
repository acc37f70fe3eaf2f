/*
 * Certificates, as OpenSSL has them: who may be named by one, until when, and in which words. Nothing here
 * says whether to trust one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_CERTIFICATE_H
#define MP_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "tls/key.h"
#include "tls/source.h"
#include "tls/text.h"

/* OpenSSL's X509; whoever keeps one counts a reference. */
typedef struct x509_st mp_certificate;

/* One reference more, or less. NULL does nothing. */
void mp_certificate_reference(mp_certificate *certificate);
void mp_certificate_unreference(mp_certificate *certificate);

/* OpenSSL's list of them, which counts a reference of each. */
typedef struct stack_st_X509 mp_certificates;

/* NULL: out of memory. */
mp_certificates *mp_certificates_new(void);
void mp_certificates_free(mp_certificates *certificates);
int mp_certificates_count(const mp_certificates *certificates);

/* Borrowed. */
mp_certificate *mp_certificates_at(const mp_certificates *certificates, int index);

/* Adds one, and counts a reference. -> 0, or -ENOMEM */
int mp_certificates_add(mp_certificates *certificates, mp_certificate *certificate);

/* All certificates in PEM, between whatever else, or one in DER. -> 0, or -errno and why. None at all, or a
   damaged one, is -EINVAL. */
int mp_certificates_read(mp_tls_source source, mp_certificates **certificates, const char **why);

bool mp_certificate_equal(const mp_certificate *a, const mp_certificate *b);

/* True if its own key has signed it. */
bool mp_certificate_is_self_signed(const mp_certificate *certificate);

/* A reference of its key; NULL if the key is of no kind that OpenSSL knows. */
mp_key *mp_certificate_public_key(const mp_certificate *certificate);

/* Algorithms of QCryptographicHash by number, with Qt's names; NULL behind the last. */
#define MP_DIGEST_SHA256 3
#define MP_DIGEST_SIZE 64
const char *mp_digest_name(int algorithm);

/* The digest of its DER. -> the number of bytes, or -ENOTSUP: the system's OpenSSL doesn't have it */
int mp_certificate_digest(const mp_certificate *certificate, int algorithm,
                          unsigned char digest[MP_DIGEST_SIZE]);

/* 1 to 3. */
int mp_certificate_version(const mp_certificate *certificate);

/* From when, or until when, it is valid: milliseconds since 1970 in UTC. False: the field has no time. */
bool mp_certificate_date(const mp_certificate *certificate, bool expiry, int64_t *msec);
#define MP_DATE_TEXT 32
void mp_certificate_date_text(int64_t msec, char text[MP_DATE_TEXT]); /* "2026-11-30T08:13:29Z" */

/* What follows writes to a text, and returns 0 or -ENOMEM. "Items" are a list in it. */

/* "-----BEGIN CERTIFICATE-----" …, the bytes of DER, and all of it in words. */
int mp_certificate_pem(const mp_certificate *certificate, mp_text *text);
int mp_certificate_der(const mp_certificate *certificate, mp_text *text);
int mp_certificate_words(const mp_certificate *certificate, mp_text *text);

/* Hexadecimal, in lower case, with colons between bytes. */
int mp_certificate_serial_number(const mp_certificate *certificate, mp_text *text);

/* Items: the values of an attribute of the subject or the issuer, in UTF-8 and whole, even if there is a NUL
   within. An attribute has Qt's name ("CommonName"), OpenSSL's ("CN", "commonName"), or a number
   ("2.5.4.3"). */
int mp_certificate_names(const mp_certificate *certificate, bool issuer, const char *attribute,
                         mp_text *items);

/* Items: the names of all attributes of the subject or the issuer, each once; short ones, or else numbers. */
int mp_certificate_attributes(const mp_certificate *certificate, bool issuer, mp_text *items);

/* The name to show: the first CommonName, else Organization, else OrganizationalUnitName, else nothing. */
int mp_certificate_display_name(const mp_certificate *certificate, bool issuer, mp_text *text);

/* The subject or the issuer on one line, in which control characters are escaped. */
int mp_certificate_line(const mp_certificate *certificate, bool issuer, mp_text *text);

/* Items: subjectAlternativeNames of Qt's kinds. An address is in text. */
enum mp_alternative_name { MP_NAME_EMAIL, MP_NAME_DNS, MP_NAME_ADDRESS, MP_NAME_COUNT };
int mp_certificate_alternative_names(const mp_certificate *certificate, mp_text *items);

/* Items: of each extension its number, its name, and its value with flags as its kind. The value is in words,
   or else, if it isn't supported, in bytes. */
enum { MP_EXTENSION_CRITICAL = 1, MP_EXTENSION_SUPPORTED = 2 };
int mp_certificate_extensions(const mp_certificate *certificate, mp_text *items);

/* True if this host name or address is among its alternative names (RFC 9525: no common names, a star is a
   whole label). */
bool mp_certificate_answers_to(mp_certificate *certificate, const char *name);

#endif
