/*
 * A hash of text, to recognise it again: FNV-1a. Not for what strangers could choose to collide.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_HASH_H
#define MP_HASH_H

#include <stddef.h>
#include <stdint.h>

#define MP_HASH_START UINT64_C(0xcbf29ce484222325)

/* The hash of one more byte behind those of `hash`. */
static inline uint64_t mp_hash_byte(uint64_t hash, char byte) {
    return (hash ^ (unsigned char)byte) * UINT64_C(0x100000001b3);
}

static inline uint64_t mp_hash_text(uint64_t hash, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        hash = mp_hash_byte(hash, text[i]);
    return hash;
}

#endif
