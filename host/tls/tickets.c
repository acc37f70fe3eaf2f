/*
 * Ticket keys; see tickets.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/tickets.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <string.h>

#include "loop/loop.h"
#include "tls/source.h"

#define DAY 86400
#define IV_SIZE 16

/* --- in a file ------------------------------------------------------------------------------------------ */

/* Of a key, bytes. */
#define NAME 16
#define HALF 32
#define WHOLE (NAME + 2 * HALF)

bool mp_tls_read_ticket_keys(const char *path, mp_tls_ticket_keys *keys, mp_tls_message *message) {
    mp_tls_content content;
    if (!mp_tls_read_file("ticketKeys", path, &content, message))
        return false;
    keys->count = content.size / WHOLE;
    bool sound = content.size > 0 && content.size % WHOLE == 0 && keys->count <= MP_TLS_TICKET_KEYS;
    for (size_t i = 0; sound && i < keys->count; i++) {
        mp_tls_ticket_key *key = &keys->list[i];
        const char *bytes = content.bytes + i * WHOLE;
        memcpy(key->name, bytes, NAME);
        memcpy(key->mac, bytes + NAME, HALF);
        memcpy(key->cipher, bytes + NAME + HALF, HALF);
    }
    mp_tls_release(&content);
    if (!sound)
        mp_tls_say(message, "ticketKeys: '%s' must have 1 to %d keys of %d bytes", path, MP_TLS_TICKET_KEYS,
                   WHOLE);
    return sound;
}

static const mp_tls_ticket_key *named_in(const mp_tls_ticket_keys *keys, const unsigned char *name) {
    for (size_t i = 0; i < keys->count; i++)
        if (memcmp(keys->list[i].name, name, NAME) == 0)
            return &keys->list[i];
    return NULL;
}

/* --- the host's ----------------------------------------------------------------------------------------- */

/* The newest key, made anew when it is a day old; NULL: there is no randomness. */
static mp_tls_ticket_key *newest(mp_tls_shared *shared, int64_t now) {
    mp_tls_ticket_key *keys = shared->ticket_keys, fresh = {.made = now};
    if (keys[0].made != 0 && now - keys[0].made < DAY)
        return &keys[0];
    if (RAND_bytes(fresh.name, sizeof fresh.name) != 1 ||
        RAND_priv_bytes(fresh.cipher, sizeof fresh.cipher) != 1 ||
        RAND_priv_bytes(fresh.mac, sizeof fresh.mac) != 1)
        return NULL;
    memmove(&keys[1], &keys[0], (MP_TLS_TICKET_KEYS - 1) * sizeof *keys);
    keys[0] = fresh;
    OPENSSL_cleanse(&fresh, sizeof fresh);
    return &keys[0];
}

/* The key that a ticket names, if it may still be used. */
static mp_tls_ticket_key *named(mp_tls_shared *shared, int64_t now, int64_t timeout,
                                const unsigned char *name) {
    mp_tls_ticket_key *keys = shared->ticket_keys;
    for (size_t i = 0; i < MP_TLS_TICKET_KEYS && keys[i].made != 0; i++)
        if (memcmp(keys[i].name, name, sizeof keys[i].name) == 0)
            return now - keys[i].made < DAY + timeout ? &keys[i] : NULL;
    return NULL;
}

/* --- both ----------------------------------------------------------------------------------------------- */

static int use(const mp_tls_ticket_key *key, const unsigned char *iv, EVP_CIPHER_CTX *cipher,
               EVP_MAC_CTX *mac, int seals) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac, sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t) "sha256", 0),
        OSSL_PARAM_construct_end()};
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, seals) == 1 &&
           EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

int mp_tls_ticket_key_for(mp_tls_shared *shared, const mp_tls_ticket_keys *keys, int64_t timeout,
                          unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                          int seals) {
    int64_t now = (int64_t)(mp_loop_now() / 1e3);
    const mp_tls_ticket_key *key = keys ? keys->list : newest(shared, now);
    if (!key)
        return -1;
    if (seals) {
        memcpy(name, key->name, sizeof key->name);
        return RAND_bytes(iv, IV_SIZE) == 1 && use(key, iv, cipher, mac, seals) ? 1 : -1;
    }
    const mp_tls_ticket_key *of_ticket = keys ? named_in(keys, name) : named(shared, now, timeout, name);
    if (!of_ticket)
        return 0;
    if (!use(of_ticket, iv, cipher, mac, seals))
        return -1;
    return 2; /* the client gets a fresh one: it uses none twice (RFC 8446, C.4) */
}
