/*
 * Text and bytes that are made by OpenSSL: they grow, and may be a list of items. What they held is wiped
 * when they are freed, since it may be a key.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_TEXT_H
#define MP_TLS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* OpenSSL's BIO, in memory. */
typedef struct bio_st mp_text;

/* NULL: out of memory. */
mp_text *mp_text_new(void);
void mp_text_free(mp_text *text);

/* All of it; valid until it grows. No NUL follows. */
const char *mp_text_bytes(mp_text *text, size_t *length);

/* Adds an item to a list: bytes, and a number that says what they are. -> 0, or -ENOMEM */
int mp_text_add(mp_text *text, int kind, const void *bytes, size_t length);

typedef struct mp_text_item {
    int kind;
    const char *bytes;
    size_t length;
} mp_text_item;

/* The item at *position, which is 0 for the first one and then leads to the next; false: there is none. */
bool mp_text_next(mp_text *text, size_t *position, mp_text_item *item);

#endif
