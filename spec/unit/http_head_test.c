/*
 * How often the bytes of an HTTP head are looked at that comes byte by byte: those that may not be looked at
 * are poisoned for AddressSanitizer meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <sanitizer/asan_interface.h>

#include "composed.h"
#include "data/http_chunks.h"
#include "data/http_head.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

static const mp_http_limits limits = {.line = 8192, .head = 65536, .fields = 200, .body = 1 << 20};

/* A byte within a line may be looked at with the one before it, which may be a CR; the end of a line with the
   line; the end of the head with all of it. */
static size_t out_of_reach(const mp_http_head *head, const char *text, size_t at, size_t size) {
    if (at + 1 == size)
        return 0;
    if (text[at] == '\n')
        return head->line;
    return at > 0 ? at - 1 : 0;
}

static void feed_byte_by_byte(const part *parts, bool is_response) {
    size_t size;
    char *text = composed(parts, &size);
    mp_http_head head;
    mp_http_head_init(&head, is_response);
    for (size_t at = 0; at < size; at++) {
        size_t hidden = out_of_reach(&head, text, at, size);
        ASAN_POISON_MEMORY_REGION(text, hidden);
        enum mp_http_outcome outcome = mp_http_head_feed(&head, &limits, text, at + 1);
        ASAN_UNPOISON_MEMORY_REGION(text, hidden);
        assert_int_equal(outcome, at + 1 < size ? MP_HTTP_MORE : MP_HTTP_DONE);
    }
    assert_int_equal(head.end, size);
    free(text);
}

TEST(each_byte_within_a_line_is_looked_at_once_and_each_line_at_its_end) {
    static const part lines[] = {{"\r\nGET /", 1},      {"a", 4000}, {" HTTP/1.1\r\nHost: a\r\n", 1},
                                 {"X: y \t z\r\n", 80}, {"Y: ", 1},  {" ", 3000},
                                 {"z\r\n", 1},          {"Z:", 1},   {"\t,", 2000},
                                 {"\r\n\r\n", 1},       {NULL, 0}};
    static const part connection[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection:", 1}, {" x ,", 3000}, {"close\r\n\r\n", 1}, {NULL, 0}};
    static const part response[] = {{"HTTP/1.1 200 ", 1},       {"O", 1000}, {"\r\n", 1},
                                    {"Set-Cookie: a\r\n", 150}, {"\r\n", 1}, {NULL, 0}};
    feed_byte_by_byte(lines, false);
    feed_byte_by_byte(connection, false);
    feed_byte_by_byte(response, true);
}

/* Of a chunked body, the parser is given only what is new. */
TEST(a_chunked_body_is_read_from_each_byte_alone) {
    static const part parts[] = {{"00001;a=b\r\nx\r\n", 300}, {"3E8\r\n", 1}, {"y", 1000}, {"\r\n0\r\n", 1},
                                 {"Trailer: z\r\n", 50},      {"\r\n", 1},    {NULL, 0}};
    size_t size, data = 0;
    char *text = composed(parts, &size);
    mp_http_chunks chunks;
    mp_http_chunks_init(&chunks);
    for (size_t i = 0; i < size; i++) {
        size_t at = 0, length = 0;
        enum mp_http_outcome outcome = mp_http_chunks_feed(&chunks, &limits, text + i, 1, &at, &length);
        data += length;
        assert_int_equal(at, 1);
        assert_int_not_equal(outcome, MP_HTTP_REFUSED);
        assert_int_equal(outcome == MP_HTTP_DONE, i + 1 == size);
    }
    assert_int_equal(data, 1300);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_byte_within_a_line_is_looked_at_once_and_each_line_at_its_end),
        cmocka_unit_test(a_chunked_body_is_read_from_each_byte_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
