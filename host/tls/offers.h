/*
 * What a configuration offers in a handshake: protocols, and keys that both sides know. For the hooks of the
 * same purpose (hooks.h).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_OFFERS_H
#define MP_TLS_OFFERS_H

#include "tls/session.h"

/* A server's order decides. */
int mp_tls_choose_protocol(mp_tls_session *session, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *in, unsigned in_size);

unsigned mp_tls_key_of_identity(mp_tls_session *session, const char *identity, unsigned char *key,
                                unsigned size);

/* A client has one identity: the first. */
unsigned mp_tls_first_identity(mp_tls_session *session, char *identity, unsigned identity_size,
                               unsigned char *key, unsigned size);

#endif
