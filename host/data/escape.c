/*
 * Escaping; see escape.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/escape.h"

#include <stdint.h>
#include <string.h>

#include "data/utf8.h"

static const char digits[] = "0123456789abcdef";

/* The bytes of the sequence that such a byte begins; 0 if none of more than one. */
static size_t announced(unsigned char c) {
    return c > 0xf4 ? 0 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 0;
}

/* The length of the valid sequence of more than one byte that begins here, and its code; otherwise 0. */
static size_t sequence(const unsigned char *at, size_t left, uint32_t *code) {
    size_t length = announced(*at);
    if (length == 0 || length > left || !mp_utf8_is_text((const char *)at, length))
        return 0;
    *code = *at & (0x7fU >> length);
    for (size_t i = 1; i < length; i++)
        *code = *code << 6 | (at[i] & 0x3fU);
    return length;
}

/* A code of more than one byte that is a control character, or ends a line for some readers. */
static bool controls(uint32_t code) {
    return code < 0xa0 || code == 0x2028 || code == 0x2029;
}

/* --- text ----------------------------------------------------------------------------------------------- */

static size_t escape(char *out, size_t size, const char *text, size_t length, bool quoted) {
    size_t n = 0;
    for (size_t i = 0; i < length;) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c < 0x7f && !(quoted && (c == '"' || c == '\\'))) {
            if (n == size)
                break;
            out[n++] = (char)c;
            i++;
            continue;
        }
        uint32_t code;
        size_t whole = c < 0x80 ? 0 : sequence((const unsigned char *)text + i, length - i, &code);
        if (whole > 0 && !controls(code)) {
            if (size - n < whole)
                break;
            memcpy(out + n, text + i, whole);
            n += whole;
            i += whole;
            continue;
        }
        char letter = c == '\n'               ? 'n'
                      : c == '\t'             ? 't'
                      : c == '\r'             ? 'r'
                      : c < 0x20 || c >= 0x7f ? 'x'
                                              : (char)c;
        if (size - n < (letter == 'x' ? 4 : 2))
            break;
        out[n++] = '\\';
        out[n++] = letter;
        if (letter == 'x') {
            out[n++] = digits[c >> 4];
            out[n++] = digits[c & 0xf];
        }
        i++;
    }
    return n;
}

size_t mp_escape_text(char *out, size_t size, const char *text, size_t length) {
    return escape(out, size, text, length, false);
}

size_t mp_escape_quoted(char *out, size_t size, const char *text, size_t length) {
    return escape(out, size, text, length, true);
}

/* --- JSON ----------------------------------------------------------------------------------------------- */

/* The letter of a short escape, or 0. */
static char letter_of(uint32_t code) {
    switch (code) {
    case '\b': return 'b';
    case '\t': return 't';
    case '\n': return 'n';
    case '\f': return 'f';
    case '\r': return 'r';
    case '"': return '"';
    case '\\': return '\\';
    default: return 0;
    }
}

/* The escape of a code below 0x10000. -> its length */
static size_t escape_code(char escaped[6], uint32_t code) {
    char letter = letter_of(code);
    escaped[0] = '\\';
    escaped[1] = letter ? letter : 'u';
    for (size_t i = 0; i < 4; i++)
        escaped[2 + i] = digits[code >> (12 - 4 * i) & 0xf];
    return letter ? 2 : 6;
}

size_t mp_escape_json(char *out, size_t size, const char *text, size_t length) {
    size_t n = 0;
    for (size_t i = 0; i < length;) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            if (n == size)
                break;
            out[n++] = (char)c;
            i++;
            continue;
        }
        uint32_t code = c;
        size_t whole = c < 0x80 ? 1 : sequence((const unsigned char *)text + i, length - i, &code);
        char escaped[6];
        const char *piece = text + i;
        size_t piece_size = whole;
        if (whole == 0 || c < 0x80 || controls(code)) {
            piece_size = escape_code(escaped, whole == 0 ? 0xfffd : code);
            piece = escaped;
        }
        if (size - n < piece_size)
            break;
        memcpy(out + n, piece, piece_size);
        n += piece_size;
        i += whole > 0 ? whole : 1;
    }
    return n;
}

/* --- UTF-8 ---------------------------------------------------------------------------------------------- */

size_t mp_utf8_whole(const char *text, size_t length) {
    size_t back = 1; /* to the byte that may begin a sequence which is cut */
    while (back < 4 && back < length && ((unsigned char)text[length - back] & 0xc0) == 0x80)
        back++;
    return back <= length && announced((unsigned char)text[length - back]) > back ? length - back : length;
}

bool mp_utf8_valid(const char *text, size_t length) {
    for (size_t i = 0; i < length;) {
        uint32_t code;
        size_t whole = (unsigned char)text[i] < 0x80
                           ? 1
                           : sequence((const unsigned char *)text + i, length - i, &code);
        if (whole == 0)
            return false;
        i += whole;
    }
    return true;
}
