/*
 * OpenSSL itself.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_LIBRARY_H
#define MP_TLS_LIBRARY_H

#include <stdbool.h>

/* Has it all that a handshake needs? Where memory was missing when it made its tables, it does without what
   is not in them, for ever. */
bool mp_tls_library_is_whole(void);

#endif
