/*
 * See http_chunks.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/http_chunks.h"

#include <assert.h>
#include <string.h>

#include "data/http_text.h"

enum state { SIZE_LINE, DATA, END_LINE, TRAILER_LINE, ENDED };

/* Of a size line: digits, blanks behind them, an extension; of a trailer line: its name, its value. */
enum part { DIGITS, BLANKS, EXTENSION, NAME, VALUE, WRONG };

#define LONGEST_LINE 1024
#define MOST_DIGITS 15

static enum mp_http_outcome refuse(mp_http_chunks *chunks, int status, const char *why) {
    chunks->refusal = status;
    chunks->why = why;
    return MP_HTTP_REFUSED;
}

static void begin_line(mp_http_chunks *chunks, enum state state) {
    chunks->state = (uint8_t)state;
    chunks->part = state == TRAILER_LINE ? NAME : DIGITS;
    chunks->returned = false;
    chunks->digits = 0;
    chunks->line = 0;
    chunks->chunk = 0;
}

void mp_http_chunks_init(mp_http_chunks *chunks) {
    memset(chunks, 0, sizeof *chunks);
    begin_line(chunks, SIZE_LINE);
}

static int hexadecimal(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint8_t size_part(mp_http_chunks *chunks, char c) {
    int digit = hexadecimal(c);
    if (chunks->part == EXTENSION || (c == ';' && chunks->digits > 0))
        return EXTENSION;
    if (chunks->part == DIGITS && digit >= 0) {
        if (chunks->digits <= MOST_DIGITS) {
            chunks->digits++;
            chunks->chunk = chunks->chunk << 4 | (uint64_t)digit;
        }
        return DIGITS;
    }
    return (c == ' ' || c == '\t') && chunks->digits > 0 ? BLANKS : WRONG;
}

/* A byte that isn't the end of the line. */
static void take(mp_http_chunks *chunks, char c) {
    chunks->line++;
    if (chunks->part == WRONG)
        return;
    if (chunks->state == SIZE_LINE)
        chunks->part = size_part(chunks, c);
    else if (chunks->state == TRAILER_LINE && chunks->part == NAME && !mp_http_is_token(&c, 1))
        chunks->part = c == ':' && chunks->line > 1 ? VALUE : WRONG;
}

static enum mp_http_outcome end_size(mp_http_chunks *chunks, const mp_http_limits *limits) {
    if (chunks->digits == 0 || chunks->part == BLANKS || chunks->part == WRONG)
        return refuse(chunks, 400, "bad chunk size");
    if (chunks->digits > MOST_DIGITS || chunks->size + chunks->chunk > limits->body)
        return refuse(chunks, 413, "the body is too long");
    chunks->left = chunks->chunk;
    chunks->size += chunks->chunk;
    begin_line(chunks, chunks->left > 0 ? DATA : TRAILER_LINE);
    return MP_HTTP_MORE;
}

static enum mp_http_outcome end_trailer(mp_http_chunks *chunks, const mp_http_limits *limits) {
    chunks->trailer += chunks->line;
    if (chunks->trailer > limits->head)
        return refuse(chunks, 431, "the trailer is too long");
    if (chunks->line == 0) {
        chunks->state = ENDED;
        return MP_HTTP_DONE;
    }
    if (chunks->part != VALUE)
        return refuse(chunks, 400, "bad trailer field");
    begin_line(chunks, TRAILER_LINE);
    return MP_HTTP_MORE;
}

static enum mp_http_outcome end_line(mp_http_chunks *chunks, const mp_http_limits *limits) {
    if (chunks->state == SIZE_LINE)
        return end_size(chunks, limits);
    if (chunks->state == TRAILER_LINE)
        return end_trailer(chunks, limits);
    if (chunks->line > 0)
        return refuse(chunks, 400, "a chunk is longer than its size");
    begin_line(chunks, SIZE_LINE);
    return MP_HTTP_MORE;
}

/* MORE: the byte is used, and nothing is decided */
static enum mp_http_outcome next_byte(mp_http_chunks *chunks, const mp_http_limits *limits, char c) {
    if (chunks->returned)
        return c == '\n' ? end_line(chunks, limits) : refuse(chunks, 400, "a line of the body is broken");
    if (c == '\r') {
        chunks->returned = true;
        return MP_HTTP_MORE;
    }
    if (!mp_http_is_value(&c, 1))
        return refuse(chunks, 400, "a line of the body is broken");
    take(chunks, c);
    return chunks->line > LONGEST_LINE ? refuse(chunks, 400, "a line of the body is too long") : MP_HTTP_MORE;
}

enum mp_http_outcome mp_http_chunks_feed(mp_http_chunks *chunks, const mp_http_limits *limits,
                                         const char *text, size_t size, size_t *at, size_t *length) {
    assert(chunks->state != ENDED && *at <= size);
    while (*at < size) {
        if (chunks->state == DATA) {
            *length = chunks->left < size - *at ? (size_t)chunks->left : size - *at;
            chunks->left -= *length;
            *at += *length;
            if (chunks->left == 0)
                begin_line(chunks, END_LINE);
            return MP_HTTP_DATA;
        }
        enum mp_http_outcome outcome = next_byte(chunks, limits, text[(*at)++]);
        if (outcome != MP_HTTP_MORE)
            return outcome;
    }
    return MP_HTTP_MORE;
}
