/*
 * Any bytes as the frames of a client, and as those of a server. Whole and byte by byte they must come to the
 * same messages and to the same end; what is found lies within the bytes, and texts are UTF-8.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) require(condition, #condition, __LINE__)

enum { LIMIT = 200, LONGEST = 4096 };

static void require(bool condition, const char *text, int line) {
    if (condition)
        return;
    fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, line, text);
    abort();
}

/* What a reader has found: each item's outcome, kind, size and payload. */
typedef struct record {
    char *bytes;
    size_t size;
    char message[LIMIT];
    size_t length;
} record;

static void note(record *found, const void *data, size_t size) {
    REQUIRE(found->size + size <= 16 * LONGEST);
    memcpy(found->bytes + found->size, data, size);
    found->size += size;
}

static void note_item(record *found, enum mp_websocket_outcome outcome, const mp_websocket_item *item,
                      const char *payload, size_t size) {
    const uint8_t head[] = {(uint8_t)outcome, item->kind, (uint8_t)(item->code >> 8), (uint8_t)item->code,
                            (uint8_t)size};
    note(found, head, sizeof head);
    note(found, payload, size);
}

/* -> whether something may follow */
static bool take(record *found, enum mp_websocket_outcome outcome, const mp_websocket_item *item) {
    switch (outcome) {
    case MP_WEBSOCKET_PIECE:
    case MP_WEBSOCKET_MESSAGE:
        REQUIRE(item->kind == MP_WEBSOCKET_TEXT || item->kind == MP_WEBSOCKET_BINARY);
        REQUIRE(found->length + item->size <= LIMIT && item->total == found->length + item->size);
        memcpy(found->message + found->length, item->data, item->size);
        found->length += item->size;
        if (outcome == MP_WEBSOCKET_PIECE)
            return true;
        REQUIRE(item->kind == MP_WEBSOCKET_BINARY || mp_utf8_is_text(found->message, found->length));
        note_item(found, outcome, item, found->message, found->length);
        found->length = 0;
        return true;
    case MP_WEBSOCKET_PINGED:
    case MP_WEBSOCKET_PONGED:
        REQUIRE(item->size <= MP_WEBSOCKET_CONTROL);
        note_item(found, outcome, item, item->data, item->size);
        return true;
    case MP_WEBSOCKET_CLOSED:
        REQUIRE(item->code == MP_WEBSOCKET_NO_CODE || mp_websocket_is_code(item->code));
        REQUIRE(mp_utf8_is_text(item->data, item->size));
        note_item(found, outcome, item, item->data, item->size);
        return false;
    default:
        REQUIRE(outcome == MP_WEBSOCKET_REFUSED && item->why && mp_websocket_is_code(item->code));
        note_item(found, outcome, item, item->why, strlen(item->why));
        return false;
    }
}

/* Takes all items of the bytes, of which `step` more are there each time. */
static void read_all(record *found, const uint8_t *data, size_t size, bool masked, size_t step) {
    mp_websocket_reader reader = {.limit = LIMIT, .masked = masked};
    char *text = malloc(size > 0 ? size : 1);
    size_t at = 0;
    REQUIRE(text != NULL);
    memcpy(text, data, size);
    found->size = found->length = 0;
    for (size_t there = step < size ? step : size;; there = there + step < size ? there + step : size) {
        bool more = true;
        while (more) {
            /* Exactly what is there, where a reader past the end is seen. */
            char *copy = malloc(there - at > 0 ? there - at : 1);
            mp_websocket_item item;
            REQUIRE(copy != NULL);
            memcpy(copy, text + at, there - at);
            enum mp_websocket_outcome outcome = mp_websocket_next(&reader, copy, there - at, &item);
            REQUIRE(item.used <= there - at && (item.size == 0 || item.data + item.size <= copy + item.used));
            more = outcome != MP_WEBSOCKET_MORE;
            bool goes_on = !more || take(found, outcome, &item);
            REQUIRE(!more || !goes_on || item.used > 0);
            at += item.used;
            free(copy);
            if (!goes_on) {
                free(text);
                return;
            }
        }
        if (there == size)
            break;
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > LONGEST)
        return 0;
    record whole = {.bytes = malloc(16 * LONGEST)}, slow = {.bytes = malloc(16 * LONGEST)};
    REQUIRE(whole.bytes && slow.bytes);
    for (int masked = 0; masked < 2; masked++) {
        read_all(&whole, data, size, masked, size > 0 ? size : 1);
        read_all(&slow, data, size, masked, 1);
        REQUIRE(whole.size == slow.size && memcmp(whole.bytes, slow.bytes, whole.size) == 0);
    }
    free(whole.bytes);
    free(slow.bytes);
    return 0;
}
