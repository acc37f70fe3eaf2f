/*
 * Any bytes as commands of Redis' protocol, and as replies. Whole and byte by byte they must come to the
 * same end; what is found lies within the bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/resp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) require(condition, #condition, __LINE__)

static const mp_resp_limits limits = {.string = 64, .size = 160, .count = 12, .line = 60};

static void require(bool condition, const char *text, int line) {
    if (condition)
        return;
    fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, line, text);
    abort();
}

/* The first n bytes, where a reader past the end is seen. */
static char *exactly(const char *text, size_t n) {
    char *copy = malloc(n > 0 ? n : 1);
    REQUIRE(copy != NULL);
    memcpy(copy, text, n);
    return copy;
}

static void check_words(const char *line, size_t size) {
    size_t at = 0, length, total = 0;
    char *copy = exactly(line, size), *word = malloc(size > 0 ? size : 1);
    REQUIRE(word != NULL);
    while (mp_resp_word(copy, size, &at, word, &length) == MP_RESP_DONE) {
        REQUIRE(at <= size);
        total += length;
    }
    REQUIRE(total <= size);
    free(word);
    free(copy);
}

static void check_strings(const char *text, const mp_resp_command *command) {
    size_t at = command->first, total = 0;
    mp_resp_item item;
    for (uint32_t i = 0; i < command->count; i++) {
        REQUIRE(mp_resp_take(text, command->at, &at, &item) == MP_RESP_DONE && item.type == '$');
        total += item.length;
    }
    REQUIRE(at == command->at && total == command->size && total <= limits.size);
}

static size_t try_command(const char *text, size_t size) {
    mp_resp_command whole = {0}, slow = {0};
    enum mp_resp_outcome outcome = mp_resp_command_feed(&whole, &limits, text, size), slowly = MP_RESP_MORE;
    for (size_t n = 0; n <= size && slowly == MP_RESP_MORE; n++) {
        char *copy = exactly(text, n);
        slowly = mp_resp_command_feed(&slow, &limits, copy, n);
        free(copy);
    }
    REQUIRE(outcome == slowly && whole.why == slow.why && whole.got == slow.got && whole.at == slow.at);
    if (outcome != MP_RESP_DONE)
        return 0;
    REQUIRE(whole.at > 0 && whole.at <= size && whole.count <= limits.count);
    if (whole.is_array)
        check_strings(text, &whole);
    else
        check_words(text, whole.at);
    return whole.at;
}

static void check_value(const char *text, size_t size, size_t *at, uint32_t *count) {
    mp_resp_item item;
    REQUIRE(mp_resp_take(text, size, at, &item) == MP_RESP_DONE && ++*count <= limits.count);
    for (int64_t i = 0; item.type == '*' && i < item.number; i++)
        check_value(text, size, at, count);
}

static size_t try_reply(const char *text, size_t size) {
    mp_resp_reply whole = {0}, slow = {0};
    enum mp_resp_outcome outcome = mp_resp_reply_feed(&whole, &limits, text, size), slowly = MP_RESP_MORE;
    for (size_t n = 0; n <= size && slowly == MP_RESP_MORE; n++) {
        char *copy = exactly(text, n);
        slowly = mp_resp_reply_feed(&slow, &limits, copy, n);
        free(copy);
    }
    REQUIRE(outcome == slowly && (outcome != MP_RESP_DONE || whole.at == slow.at));
    if (outcome != MP_RESP_DONE)
        return 0;
    size_t at = 0;
    uint32_t count = 0;
    check_value(text, whole.at, &at, &count);
    REQUIRE(at == whole.at && at <= limits.size && count == whole.count);
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    if (size > 4096)
        return 0;
    for (size_t at = 0, used = 1; used > 0 && at < size; at += used)
        used = try_command(text + at, size - at);
    for (size_t at = 0, used = 1; used > 0 && at < size; at += used)
        used = try_reply(text + at, size - at);
    return 0;
}
