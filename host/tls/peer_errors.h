/*
 * What is wrong with the peer of a handshake, what of it is overlooked, and in which words that is told.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_PEER_ERRORS_H
#define MP_PEER_ERRORS_H

#include "tls/ssl_extras.h"

/* The words for its next fault. Without memory there are those of the table. */
void mp_tls_set_text(mp_stream *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The errors of the last handshake, of which there are none then; NULL: no memory. */
mp_tls_errors *mp_tls_fresh_errors(mp_ssl_extras *extras);

/* The first fault of the peer that nobody overlooks, or 0. */
int mp_tls_first_fault(const mp_ssl_extras *extras);

#endif
