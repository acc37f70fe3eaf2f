/*
 * Options; see options.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/options.h"

#include <string.h>

void mp_tls_default_options(mp_tls_options *options) {
    *options = (mp_tls_options){.verify_mode = MP_AUTO_VERIFY_PEER, .session_timeout = 7200, .tickets = true};
}

/* --- copies --------------------------------------------------------------------------------------------- */

/* Where the next copy goes; with NULL only its size is counted. */
typedef struct mp_cursor {
    char *at;
    size_t size;
} mp_cursor;

static void *put(mp_cursor *cursor, const void *data, size_t size, size_t alignment) {
    size_t start = (cursor->size + alignment - 1) & ~(alignment - 1);
    cursor->size = start + size;
    if (!cursor->at || size == 0)
        return NULL;
    memcpy(cursor->at + start, data, size);
    return cursor->at + start;
}

static const char *put_text(mp_cursor *cursor, const char *text) {
    return text ? put(cursor, text, strlen(text) + 1, 1) : NULL;
}

size_t mp_tls_copy_options(mp_tls_options *to, const mp_tls_options *from,
                           char *memory) { // NOLINT(readability-non-const-parameter)
    mp_cursor cursor = {memory, 0};
    mp_tls_psk *psks = put(&cursor, from->psks, from->psk_count * sizeof *from->psks, sizeof(void *));
    mp_tls_name *names = put(&cursor, from->names, from->name_count * sizeof *from->names, sizeof(void *));
    mp_tls_options copy = *from;
    copy.psks = psks;
    copy.names = names;
    for (int i = 0; i < MP_TLS_TEXTS; i++)
        copy.texts[i] = put_text(&cursor, from->texts[i]);
    copy.alpn = put(&cursor, from->alpn, from->alpn_size, 1);
    for (size_t i = 0; i < from->psk_count; i++) {
        const char *identity = put_text(&cursor, from->psks[i].identity);
        const char *key = put(&cursor, from->psks[i].key, from->psks[i].key_size, 1);
        if (psks)
            psks[i] = (mp_tls_psk){identity, key, from->psks[i].key_size};
    }
    for (size_t i = 0; i < from->name_count; i++) {
        const char *name = put_text(&cursor, from->names[i].name);
        if (names)
            names[i].name = name;
    }
    if (memory)
        *to = copy;
    return cursor.size;
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_bytes(const char *a, size_t a_size, const char *b, size_t b_size) {
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

bool mp_tls_same_options(const mp_tls_options *a, const mp_tls_options *b) {
    for (int i = 0; i < MP_TLS_TEXTS; i++)
        if (!same_text(a->texts[i], b->texts[i]) && !(i == MP_TLS_PASSPHRASE && a->forgets_passphrase))
            return false;
    if (a->psk_count != b->psk_count || a->name_count != b->name_count ||
        !same_bytes(a->alpn, a->alpn_size, b->alpn, b->alpn_size))
        return false;
    for (size_t i = 0; i < a->psk_count; i++)
        if (!same_text(a->psks[i].identity, b->psks[i].identity) ||
            !same_bytes(a->psks[i].key, a->psks[i].key_size, b->psks[i].key, b->psks[i].key_size))
            return false;
    for (size_t i = 0; i < a->name_count; i++)
        if (!same_text(a->names[i].name, b->names[i].name) ||
            a->names[i].configuration != b->names[i].configuration)
            return false;
    return a->minimum_version == b->minimum_version && a->maximum_version == b->maximum_version &&
           a->verify_mode == b->verify_mode && a->verify_depth == b->verify_depth &&
           a->session_timeout == b->session_timeout && a->tickets == b->tickets &&
           a->require_server_name == b->require_server_name && a->ocsp_stapling == b->ocsp_stapling &&
           a->forgets_passphrase == b->forgets_passphrase;
}
