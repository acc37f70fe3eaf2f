/*
 * Until when certificates of one's own are valid: warnings in the log, and the words for it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_VALIDITY_H
#define MP_TLS_VALIDITY_H

#include "tls/certificate.h"
#include "tls/shared.h"

/* Whom it is for: "a.example, b.example and 3 more", or what its subject says. Cut at `size`. */
void mp_tls_describe_certificate(const mp_certificate *certificate, char *text, size_t size);

/* Warns of a certificate that has expired, isn't valid yet, or ends within 14 days of `now` (seconds since
   1970): once a day, however often it is used. */
void mp_tls_warn_of_dates(mp_tls_shared *shared, const mp_certificate *certificate, int64_t now);

#endif
