/*
 * The keys of WebSocket's handshake (RFC 6455, 4): see websocket.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "data/sha1.h"
#include "data/websocket.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Base64; `text` has room for four bytes for each three or part of three. */
static void encode(const uint8_t *bytes, size_t size, char *text) {
    for (size_t i = 0; i < size; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16;
        if (i + 1 < size)
            three |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < size)
            three |= bytes[i + 2];
        *text++ = digits[three >> 18];
        *text++ = digits[three >> 12 & 63];
        *text++ = i + 1 < size ? digits[three >> 6 & 63] : '=';
        *text++ = i + 2 < size ? digits[three & 63] : '=';
    }
}

bool mp_websocket_is_key(const char *text, size_t size) {
    if (size != MP_WEBSOCKET_KEY || memcmp(text + size - 2, "==", 2) != 0)
        return false;
    for (size_t i = 0; i < size - 2; i++)
        if (!memchr(digits, text[i], sizeof digits - 1))
            return false;
    return true;
}

void mp_websocket_make_key(const uint8_t random[16], char key[MP_WEBSOCKET_KEY]) {
    encode(random, 16, key);
}

void mp_websocket_accept(const char key[MP_WEBSOCKET_KEY], char accept[MP_WEBSOCKET_ACCEPT]) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[MP_WEBSOCKET_KEY + sizeof guid - 1];
    uint8_t digest[MP_SHA1_SIZE];
    memcpy(text, key, MP_WEBSOCKET_KEY);
    memcpy(text + MP_WEBSOCKET_KEY, guid, sizeof guid - 1);
    mp_sha1(text, sizeof text, digest);
    encode(digest, sizeof digest, accept);
}
