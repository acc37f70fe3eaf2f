/*
 * Reading files of certificates and keys again while connections go on. Files that are being exchanged don't
 * fit each other for a moment: they are read again before a fault is reported.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_RENEWAL_H
#define MP_TLS_RENEWAL_H

#include "tls/configuration.h"

/* So many times more, and milliseconds between two of them. */
#define MP_TLS_ATTEMPTS 4
#define MP_TLS_ATTEMPT_PAUSE 250.0

/* Has the configuration, and those of its names, use their files as they are now; the log reports new ones.
   Once: the caller tries again. `passphrase`: NULL, or one for its own key. False and what is wrong: what it
   had stays. */
bool mp_tls_refresh(mp_tls_configuration *configuration, const char *passphrase, mp_tls_message *message);

/* The same for all that live, again and again as above; the log also reports what can't be used. Then calls
   `done`, perhaps at once. While it runs, a second call starts anew, and replaces what is called. */
void mp_tls_refresh_all(mp_network *network, void (*done)(void *owner), void *owner);

/* Ends that; nothing is called. */
void mp_tls_stop_refreshing(mp_network *network);

#endif
