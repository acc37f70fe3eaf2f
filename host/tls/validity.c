/*
 * Dates of certificates; see validity.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/validity.h"

#include <stdio.h>
#include <string.h>

#define DAY 86400
#define AHEAD (14 * DAY)
#define QUIET (DAY - 3600) /* a clock that is set a little must not take a day's warning */
#define MOST_NAMES 5

void mp_tls_describe_certificate(const mp_certificate *certificate, char *text, size_t size) {
    mp_text *items = mp_text_new();
    mp_text_item item;
    size_t position = 0, length = 0;
    unsigned count = 0;
    text[0] = '\0';
    if (items && mp_certificate_alternative_names(certificate, items) == 0)
        for (; mp_text_next(items, &position, &item); count += item.kind != MP_NAME_EMAIL)
            if (item.kind != MP_NAME_EMAIL && count < MOST_NAMES && length < size)
                length += (size_t)snprintf(text + length, size - length, "%s%.*s", count > 0 ? ", " : "",
                                           (int)item.length, item.bytes);
    mp_text_free(items);
    if (count > MOST_NAMES && length < size)
        (void)snprintf(text + length, size - length, " and %u more", count - MOST_NAMES);
    items = count == 0 ? mp_text_new() : NULL;
    if (items && mp_certificate_line(certificate, false, items) == 0) {
        const char *line = mp_text_bytes(items, &length);
        (void)snprintf(text, size, "%.*s", (int)length, line);
    }
    mp_text_free(items);
}

/* Notes that the log reports the certificate now. False: it did today, already. */
static bool is_due(mp_tls_shared *shared, const mp_certificate *certificate, int64_t now) {
    unsigned char digest[MP_DIGEST_SIZE];
    mp_tls_warned *oldest = shared->warned;
    if (mp_certificate_digest(certificate, MP_DIGEST_SHA256, digest) < 0)
        return true;
    for (mp_tls_warned *one = shared->warned; one < shared->warned + MP_TLS_WARNED; one++) {
        if (one->at != 0 && memcmp(one->digest, digest, sizeof one->digest) == 0) {
            bool due = now - one->at >= QUIET || now < one->at;
            one->at = due ? now : one->at;
            return due;
        }
        oldest = one->at < oldest->at ? one : oldest;
    }
    memcpy(oldest->digest, digest, sizeof oldest->digest);
    oldest->at = now;
    return true;
}

void mp_tls_warn_of_dates(mp_tls_shared *shared, const mp_certificate *certificate, int64_t now) {
    int64_t from, to;
    if (!mp_certificate_date(certificate, false, &from) || !mp_certificate_date(certificate, true, &to))
        return;
    bool early = now < from / 1000, late = now >= to / 1000;
    if ((!early && now < to / 1000 - AHEAD) || !is_due(shared, certificate, now))
        return;
    char names[500], date[MP_DATE_TEXT];
    mp_tls_describe_certificate(certificate, names, sizeof names);
    mp_certificate_date_text(early ? from : to, date);
    mp_log(shared->network->loop.log_level, MP_LOG_WARNING, "TLS: %s: the certificate %s %s", names,
           early  ? "is not valid before"
           : late ? "has expired, it was valid until"
                  : "is valid only until",
           date);
}
