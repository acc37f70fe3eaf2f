/*
 * SHA-1; see sha1.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/sha1.h"

#include <assert.h>
#include <string.h>

enum { BLOCK = 64 };

static uint32_t rotate(uint32_t word, int by) {
    return word << by | word >> (32 - by);
}

static uint32_t word_at(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The function and the constant of round t. */
static uint32_t mixed(int t, uint32_t b, uint32_t c, uint32_t d) {
    if (t < 20)
        return ((b & c) | (~b & d)) + 0x5a827999;
    if (t < 40)
        return (b ^ c ^ d) + 0x6ed9eba1;
    if (t < 60)
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    return (b ^ c ^ d) + 0xca62c1d6;
}

static void add_block(uint32_t hash[5], const uint8_t *block) {
    uint32_t words[80] = {0}, a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];
    for (int t = 0; t < 80; t++) {
        words[t] = t < 16 ? word_at(block + 4 * (size_t)t)
                          : rotate(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1);
        uint32_t next = rotate(a, 5) + mixed(t, b, c, d) + e + words[t];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    const uint32_t sums[5] = {a, b, c, d, e};
    for (int i = 0; i < 5; i++)
        hash[i] += sums[i];
}

void mp_sha1(const void *data, size_t size, uint8_t digest[MP_SHA1_SIZE]) {
    uint32_t hash[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t blocks[2 * BLOCK] = {0};
    assert(size <= MP_SHA1_LONGEST);
    size_t count = size + 9 <= BLOCK ? 1 : 2;
    memcpy(blocks, data, size);
    blocks[size] = 0x80;
    blocks[count * BLOCK - 2] = (uint8_t)(size * 8 >> 8);
    blocks[count * BLOCK - 1] = (uint8_t)(size * 8);
    for (size_t i = 0; i < count; i++)
        add_block(hash, blocks + i * BLOCK);
    for (size_t i = 0; i < MP_SHA1_SIZE; i++)
        digest[i] = (uint8_t)(hash[i / 4] >> (24 - 8 * (i % 4)));
}
