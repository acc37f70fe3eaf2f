/*
 * Any bytes as an HTTP request, as a response, and as a chunked body. Whole and byte by byte they must come
 * to the same end; what is found lies within the head, and has no line ends.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/http_chunks.h"
#include "data/http_head.h"
#include "data/http_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) require(condition, #condition, __LINE__)

static const mp_http_limits limits = {60, 240, 8, 64};

static void require(bool condition, const char *text, int line) {
    if (condition)
        return;
    fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, line, text);
    abort();
}

/* Byte by byte, each time where a reader past the end is seen. */
static enum mp_http_outcome feed_slowly(mp_http_head *head, const char *text, size_t size) {
    enum mp_http_outcome outcome = MP_HTTP_MORE;
    for (size_t n = 0; n <= size && outcome == MP_HTTP_MORE; n++) {
        char *copy = malloc(n > 0 ? n : 1);
        REQUIRE(copy != NULL);
        memcpy(copy, text, n);
        outcome = mp_http_head_feed(head, &limits, copy, n);
        free(copy);
        REQUIRE(outcome != MP_HTTP_DONE || head->end == n);
    }
    return outcome;
}

static void check_slice(const mp_http_head *head, const char *text, mp_http_slice slice) {
    REQUIRE(slice.at <= head->end && slice.length <= head->end - slice.at);
    REQUIRE(mp_http_is_value(text + slice.at, slice.length));
}

static void check_head(const mp_http_head *head, const char *text) {
    uint32_t at = head->fields, count = 0;
    mp_http_slice name, value;
    REQUIRE(head->end <= limits.line + limits.head + 6 && head->count <= limits.fields);
    check_slice(head, text, head->method);
    check_slice(head, text, head->target);
    check_slice(head, text, head->path);
    check_slice(head, text, head->query);
    REQUIRE(!(head->chunked && head->has_length));
    REQUIRE(head->is_response || !head->has_length || head->length <= limits.body);
    while (mp_http_head_next(text, head->end, &at, &name, &value)) {
        REQUIRE(mp_http_is_token(text + name.at, name.length));
        check_slice(head, text, name);
        check_slice(head, text, value);
        count++;
    }
    REQUIRE(count == head->count && at + 2 == head->end);
}

static size_t try_head(const char *text, size_t size, bool is_response) {
    mp_http_head whole, slow;
    mp_http_head_init(&whole, is_response);
    mp_http_head_init(&slow, is_response);
    enum mp_http_outcome outcome = mp_http_head_feed(&whole, &limits, text, size);
    REQUIRE(outcome != MP_HTTP_DATA && outcome == feed_slowly(&slow, text, size));
    REQUIRE(whole.refusal == slow.refusal && whole.why == slow.why && whole.end == slow.end);
    if (outcome != MP_HTTP_DONE)
        return 0;
    check_head(&whole, text);
    return whole.end;
}

static enum mp_http_outcome feed_chunks(const char *text, size_t size, size_t step, char *body,
                                        size_t *length) {
    mp_http_chunks chunks;
    enum mp_http_outcome outcome = MP_HTTP_MORE;
    mp_http_chunks_init(&chunks);
    *length = 0;
    for (size_t at = 0; at < size && (outcome == MP_HTTP_MORE || outcome == MP_HTTP_DATA);) {
        size_t got = 0, stop = step < size - at ? at + step : size;
        outcome = mp_http_chunks_feed(&chunks, &limits, text, stop, &at, &got);
        if (outcome != MP_HTTP_DATA)
            continue;
        REQUIRE(got > 0 && got <= limits.body - *length);
        memcpy(body + *length, text + at - got, got);
        *length += got;
    }
    return outcome == MP_HTTP_DATA ? MP_HTTP_MORE : outcome;
}

static void try_chunks(const char *text, size_t size) {
    char whole[64], slow[64];
    size_t whole_length, slow_length;
    enum mp_http_outcome outcome = feed_chunks(text, size, size, whole, &whole_length);
    REQUIRE(outcome == feed_chunks(text, size, 1, slow, &slow_length));
    REQUIRE(whole_length == slow_length && memcmp(whole, slow, whole_length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    if (size > 4096)
        return 0;
    size_t end = try_head(text, size, false);
    (void)try_head(text, size, true);
    try_chunks(text, size);
    try_chunks(text + end, size - end);
    return 0;
}
