/*
 * How often the bytes of Redis' protocol are looked at that come byte by byte: those that may not be looked
 * at are poisoned for AddressSanitizer meanwhile. And what the fuzzer's small limits leave out.
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
#include "data/resp.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

static const mp_resp_limits limits = {.string = 1 << 20, .size = 2 << 20, .count = 1 << 20, .line = 64 << 10};

/* A byte may be looked at with what it ends, or with its length in front: the first bytes of the text,
   for the type, and the last ones before it. */
static void hide(const char *text, size_t from, size_t to, bool hidden) {
    if (to <= from)
        return;
    if (hidden)
        ASAN_POISON_MEMORY_REGION(text + from, to - from);
    else
        ASAN_UNPOISON_MEMORY_REGION(text + from, to - from);
}

enum { HEAD = 8, NEAR = 32 };

static void command_byte_by_byte(char *text, size_t size) {
    mp_resp_command command = {0};
    for (size_t n = 1; n <= size; n++) {
        size_t to = n > NEAR ? (n - NEAR) & ~(size_t)7 : 0;
        hide(text, HEAD, to, true);
        enum mp_resp_outcome outcome = mp_resp_command_feed(&command, &limits, text, n);
        hide(text, HEAD, to, false);
        assert_int_equal(outcome, n == size ? MP_RESP_DONE : MP_RESP_MORE);
    }
    free(text);
}

TEST(looks_once_at_an_array_of_short_strings) {
    size_t size;
    char *text = composed((part[]){{"*5000\r\n", 1}, {"$3\r\nabc\r\n", 5000}, {0}}, &size);
    command_byte_by_byte(text, size);
}

TEST(looks_once_at_a_long_inline_command) {
    size_t size;
    char *text = composed((part[]){{"SET a ", 1}, {"x", 60000}, {"\n", 1}, {0}}, &size);
    command_byte_by_byte(text, size);
}

/* Only its length is looked at again. */
TEST(does_not_look_at_the_bytes_of_a_long_string) {
    size_t size;
    char *text = composed((part[]){{"*1\r\n$99999\r\n", 1}, {"x", 99999}, {"\r\n", 1}, {0}}, &size);
    mp_resp_command command = {0};
    hide(text, 16, size & ~(size_t)7, true);
    for (size_t n = 1; n < size - 8; n++)
        assert_int_equal(mp_resp_command_feed(&command, &limits, text, n), MP_RESP_MORE);
    hide(text, 16, size & ~(size_t)7, false);
    assert_int_equal(mp_resp_command_feed(&command, &limits, text, size), MP_RESP_DONE);
    free(text);
}

TEST(looks_once_at_a_reply_of_many_values) {
    static const char *const values[] = {"$3\r\nabc\r\n", ":123\r\n", "+a line\r\n", "*-1\r\n",
                                         "*1\r\n+a\r\n"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        size_t size;
        char *text = composed((part[]){{"*5000\r\n", 1}, {values[i], 5000}, {0}}, &size);
        mp_resp_reply reply = {0};
        for (size_t n = 1; n <= size; n++) {
            size_t to = n > NEAR ? (n - NEAR) & ~(size_t)7 : 0;
            hide(text, 0, to, true);
            enum mp_resp_outcome outcome = mp_resp_reply_feed(&reply, &limits, text, n);
            hide(text, 0, to, false);
            assert_int_equal(outcome, n == size ? MP_RESP_DONE : MP_RESP_MORE);
        }
        free(text);
    }
}

TEST(refuses_by_the_length_before_the_bytes_are_there) {
    static const char *const commands[] = {
        "*1048577\r\n", "*1\r\n$1048577\r\n", "*1\r\n$-1\r\n", "*9223372036854775808\r\n", "*1\r\n:", "*\r",
        "*+1"};
    static const char *const replies[] = {"$1048577\r\n",
                                          "*1048577\r\n",
                                          "$-2\r\n",
                                          "*-2\r\n",
                                          ":9223372036854775808\r\n",
                                          ":-9223372036854775809\r\n",
                                          ":12345678901234567890",
                                          ":\r",
                                          "%1\r\n",
                                          "+a\rb",
                                          "\r"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        mp_resp_command command = {0};
        assert_int_equal(mp_resp_command_feed(&command, &limits, commands[i], strlen(commands[i])),
                         MP_RESP_REFUSED);
    }
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        mp_resp_reply reply = {0};
        assert_int_equal(mp_resp_reply_feed(&reply, &limits, replies[i], strlen(replies[i])),
                         MP_RESP_REFUSED);
    }
}

TEST(takes_integers_of_64_bits) {
    static const char text[] = ":9223372036854775807\r\n:-9223372036854775808\r\n";
    size_t at = 0;
    mp_resp_item item;
    assert_int_equal(mp_resp_take(text, sizeof text - 1, &at, &item), MP_RESP_DONE);
    assert_true(item.number == INT64_MAX);
    assert_int_equal(mp_resp_take(text, sizeof text - 1, &at, &item), MP_RESP_DONE);
    assert_true(item.number == INT64_MIN && at == sizeof text - 1);
}

TEST(bounds_arrays_within_arrays) {
    for (size_t depth = MP_RESP_DEPTH; depth <= MP_RESP_DEPTH + 1; depth++) {
        size_t size;
        char *text = composed((part[]){{"*1\r\n", depth}, {":1\r\n", 1}, {0}}, &size);
        mp_resp_reply reply = {0};
        assert_int_equal(mp_resp_reply_feed(&reply, &limits, text, size),
                         depth == MP_RESP_DEPTH ? MP_RESP_DONE : MP_RESP_REFUSED);
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_once_at_an_array_of_short_strings),
        cmocka_unit_test(looks_once_at_a_long_inline_command),
        cmocka_unit_test(does_not_look_at_the_bytes_of_a_long_string),
        cmocka_unit_test(looks_once_at_a_reply_of_many_values),
        cmocka_unit_test(refuses_by_the_length_before_the_bytes_are_there),
        cmocka_unit_test(takes_integers_of_64_bits),
        cmocka_unit_test(bounds_arrays_within_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
