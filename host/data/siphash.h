/*
 * SipHash-1-3 (Aumasson, Bernstein): a hash of keys that strangers choose, who can't find colliding ones
 * without the seed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SIPHASH_H
#define MP_SIPHASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t mp_siphash_rotate(uint64_t value, int bits) {
    return value << bits | value >> (64 - bits);
}

static inline void mp_siphash_round(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = mp_siphash_rotate(v[1], 13) ^ v[0];
    v[0] = mp_siphash_rotate(v[0], 32);
    v[2] += v[3];
    v[3] = mp_siphash_rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = mp_siphash_rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = mp_siphash_rotate(v[1], 17) ^ v[2];
    v[2] = mp_siphash_rotate(v[2], 32);
}

static inline uint64_t mp_siphash(const uint64_t seed[2], const char *text, size_t size) {
    uint64_t v[4] = {seed[0] ^ UINT64_C(0x736f6d6570736575), seed[1] ^ UINT64_C(0x646f72616e646f6d),
                     seed[0] ^ UINT64_C(0x6c7967656e657261), seed[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t word;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, text + i, 8);
        v[3] ^= word;
        mp_siphash_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)size << 56;
    for (int shift = 0; i < size; i++, shift += 8)
        word |= (uint64_t)(unsigned char)text[i] << shift;
    v[3] ^= word;
    mp_siphash_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i3 = 0; i3 < 3; i3++)
        mp_siphash_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
