/*
 * What is wrong with a TLS configuration, in one sentence.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_MESSAGE_H
#define MP_TLS_MESSAGE_H

typedef struct mp_tls_message {
    char text[600];
} mp_tls_message;

void mp_tls_say(mp_tls_message *message, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
