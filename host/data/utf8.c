/*
 * UTF-8; see utf8.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/utf8.h"

#include <string.h>

/* The bytes of ASCII that data[0, size) begins with, eight at a time. */
static size_t ascii(const char *data, size_t size) {
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= size; i += sizeof word) {
        memcpy(&word, data + i, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return i;
}

/* The first byte of a character. False: no character begins with it. */
static bool begin(mp_utf8 *utf8, uint8_t byte) {
    if (byte < 0xc2 || byte > 0xf4)
        return byte < 0x80;
    utf8->left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    utf8->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    utf8->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    return true;
}

bool mp_utf8_feed(mp_utf8 *utf8, const char *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (utf8->left > 0) {
            uint8_t byte = (uint8_t)data[i];
            if (byte < utf8->low || byte > utf8->high)
                return false;
            *utf8 = (mp_utf8){(uint8_t)(utf8->left - 1), 0x80, 0xbf};
            continue;
        }
        i += ascii(data + i, size - i);
        if (i < size && !begin(utf8, (uint8_t)data[i]))
            return false;
    }
    return true;
}
