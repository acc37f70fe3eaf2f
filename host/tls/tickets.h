/*
 * The keys of session tickets: the host's own, a new one each day. A ticket is sealed with the newest and
 * opened with any that is younger than sessionTimeout, so that resumption goes on over reloads and renewals.
 * Several machines share keys in a file, which whoever writes it renews.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_TICKETS_H
#define MP_TLS_TICKETS_H

#include "tls/message.h"
#include "tls/shared.h"

/* Reads a file of keys: each has 80 bytes, a name of 16, then 32 for the HMAC and 32 for the cipher, as in
   nginx's ssl_session_ticket_key. The first seals. False and what is wrong. */
bool mp_tls_read_ticket_keys(const char *path, mp_tls_ticket_keys *keys, mp_tls_message *message);

/* What SSL_CTX_set_tlsext_ticket_key_evp_cb's callback does, with the keys of a file, or the host's (NULL);
   `timeout` is how long a ticket of the host's may be used, seconds. */
int mp_tls_ticket_key_for(mp_tls_shared *shared, const mp_tls_ticket_keys *keys, int64_t timeout,
                          unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                          int seals);

#endif
