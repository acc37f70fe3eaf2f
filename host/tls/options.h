/*
 * The options of a TLS configuration as values: copies, and what is the same.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_OPTIONS_H
#define MP_TLS_OPTIONS_H

#include "tls/configuration.h"

/* Copies them, with what they refer to, which goes to `memory`; NULL: nowhere. -> the size of that */
size_t mp_tls_copy_options(mp_tls_options *to, const mp_tls_options *from, char *memory);

/* A passphrase that is forgotten is not compared. */
bool mp_tls_same_options(const mp_tls_options *a, const mp_tls_options *b);

#endif
