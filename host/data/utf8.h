/*
 * Whether bytes that come in pieces are UTF-8 (RFC 3629): no surrogates, nothing above U+10FFFF, no long
 * forms. A wrong byte is found when it comes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_UTF8_H
#define MP_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where in a text the next piece begins; all zeros: at its beginning. */
typedef struct mp_utf8 {
    uint8_t left;      /* bytes that its last character lacks */
    uint8_t low, high; /* between these is the next one of them */
} mp_utf8;

/* False: a byte of data[0, size) is wrong. */
bool mp_utf8_feed(mp_utf8 *utf8, const char *data, size_t size);

/* True if the last character is complete. */
static inline bool mp_utf8_is_whole(const mp_utf8 *utf8) {
    return utf8->left == 0;
}

/* Whether a whole text is UTF-8. */
static inline bool mp_utf8_is_text(const char *data, size_t size) {
    mp_utf8 utf8 = {0};
    return mp_utf8_feed(&utf8, data, size) && mp_utf8_is_whole(&utf8);
}

#endif
