/*
 * Foreign bytes escaped for the log and for JSON: each byte, each beginning of a sequence, and every size of
 * the room that there is.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/escape.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

typedef size_t function(char *out, size_t size, const char *text, size_t length);

/* The whole result, in memory of just that size. */
static char *escaped(function *how, const char *text, size_t length, size_t size) {
    char *out = malloc(size + 1), *exact;
    size_t n = how(out, size, text, length);
    assert_true(n <= size);
    exact = malloc(n + 1);
    memcpy(exact, out, n);
    exact[n] = 0;
    free(out);
    return exact;
}

static void expect(function *how, const char *text, size_t length, const char *expected) {
    char *out = escaped(how, text, length, 100);
    assert_string_equal(out, expected);
    free(out);
}

TEST(each_byte_has_one_form) {
    static const char short_text[] = "\tt\nn\rr", short_json[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (int c = 0; c < 256; c++) {
        char byte = (char)c, text[8], quoted[16], json[8];
        const char *letter = strchr(short_text, c);
        bool plain = c >= 0x20 && c < 0x7f, marks = c == '"' || c == '\\';
        if (plain)
            snprintf(text, sizeof text, "%c", c);
        else if (c && letter && (letter - short_text) % 2 == 0)
            snprintf(text, sizeof text, "\\%c", letter[1]);
        else
            snprintf(text, sizeof text, "\\x%02x", (unsigned)c);
        snprintf(quoted, sizeof quoted, "%s%s", marks ? "\\" : "", text);
        letter = strchr(short_json, c);
        if (plain && !marks)
            snprintf(json, sizeof json, "%c", c);
        else if (c && letter && (letter - short_json) % 2 == 0)
            snprintf(json, sizeof json, "\\%c", letter[1]);
        else
            snprintf(json, sizeof json, "\\u%04x", c < 0x80 ? (unsigned)c : 0xfffdU);
        expect(mp_escape_text, &byte, 1, text);
        expect(mp_escape_quoted, &byte, 1, quoted);
        expect(mp_escape_json, &byte, 1, json);
    }
}

TEST(sequences) {
    static const struct {
        const char *text, *shown, *json;
    } rows[] = {
        {"gr\303\274\303\237e \342\202\25410 \360\237\230\200", NULL, NULL}, /* as they are */
        {"\302\240\337\277\340\240\200\357\277\277\360\220\200\200\364\217\277\277", NULL,
         NULL},                                                         /* the bounds */
        {"\302\200\302\237", "\\xc2\\x80\\xc2\\x9f", "\\u0080\\u009f"}, /* control characters */
        {"\342\200\250\342\200\251", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9", "\\u2028\\u2029"},
        {"\300\200", "\\xc0\\x80", "\\ufffd\\ufffd"}, /* in too long a form */
        {"\301\277", "\\xc1\\xbf", "\\ufffd\\ufffd"},
        {"\340\237\277", "\\xe0\\x9f\\xbf", "\\ufffd\\ufffd\\ufffd"},
        {"\360\217\277\277", "\\xf0\\x8f\\xbf\\xbf", "\\ufffd\\ufffd\\ufffd\\ufffd"},
        {"\355\240\200", "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd"}, /* a surrogate */
        {"\355\277\277", "\\xed\\xbf\\xbf", "\\ufffd\\ufffd\\ufffd"},
        {"\364\220\200\200", "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"}, /* beyond U+10FFFF */
        {"\342\202x", "\\xe2\\x82x", "\\ufffd\\ufffdx"},                              /* cut */
        {"\303\"\\", "\\xc3\"\\", "\\ufffd\\\"\\\\"},
        {"\303\303\274", "\\xc3\303\274", "\\ufffd\303\274"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t length = strlen(rows[i].text);
        expect(mp_escape_text, rows[i].text, length, rows[i].shown ? rows[i].shown : rows[i].text);
        expect(mp_escape_json, rows[i].text, length, rows[i].json ? rows[i].json : rows[i].text);
        assert_int_equal(mp_utf8_valid(rows[i].text, length),
                         !strstr(rows[i].json ? rows[i].json : "", "fffd"));
    }
    expect(mp_escape_quoted, "a \"b\" \\\n", 8, "a \\\"b\\\" \\\\\\n");
}

/* Every two bytes, alone and with one or two bytes behind: what comes out is valid UTF-8, and has no control
   character and no quote of its own. */
TEST(no_bytes_come_through) {
    for (unsigned first = 0; first < 0x10000; first++) {
        for (unsigned behind = 0; behind < 3; behind++) {
            char text[] = {(char)(first >> 8), (char)first, '\200', '\277'};
            char out[32];
            size_t n = mp_escape_json(out, sizeof out, text, 2 + behind);
            assert_true(mp_utf8_valid(out, n));
            for (size_t i = 0; i < n; i++) {
                assert_true((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
                assert_true(out[i] != '"' || (i > 0 && out[i - 1] == '\\'));
            }
            n = mp_escape_text(out, sizeof out, text, 2 + behind);
            assert_true(mp_utf8_valid(out, n));
            for (size_t i = 0; i < n; i++)
                assert_true((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
        }
    }
}

/* With any room, the result is that of the longest beginning of the text that fits, character by character.
   */
TEST(nothing_is_cut_within) {
    static const char text[] = "a\n\"\001\303\274\342\202\254\360\237\230\200\377\342\200\250\\z";
    static const size_t ends[] = {0, 1, 2, 3, 4, 6, 9, 13, 14, 17, 18, 19};
    static function *const all[] = {mp_escape_text, mp_escape_quoted, mp_escape_json};
    for (size_t f = 0; f < sizeof all / sizeof *all; f++) {
        for (size_t size = 0; size < 60; size++) {
            char *out = escaped(all[f], text, sizeof text - 1, size);
            bool found = false;
            for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
                char *beginning = escaped(all[f], text, ends[i], 100);
                found = found || strcmp(beginning, out) == 0;
                free(beginning);
            }
            /* Sequences that text shows byte by byte may be cut between these. */
            assert_true(found || (all[f] != mp_escape_json && mp_utf8_valid(out, strlen(out))));
            free(out);
        }
    }
}

TEST(a_sequence_that_is_cut_is_taken_away) {
    static const struct {
        const char *text;
        size_t whole;
    } rows[] = {
        {"", 0},
        {"a", 1},
        {"\303", 0},
        {"a\303", 1},
        {"\303\274", 2},
        {"\342", 0},
        {"\342\202", 0},
        {"\342\202\254", 3},
        {"\360", 0},
        {"\360\237", 0},
        {"x\360\237\230", 1},
        {"\360\237\230\200", 4},
        {"\200", 1},
        {"\200\200\200\200\200", 5},
        {"\377", 1},
        {"\301", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(mp_utf8_whole(rows[i].text, strlen(rows[i].text)), rows[i].whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_byte_has_one_form),
        cmocka_unit_test(sequences),
        cmocka_unit_test(no_bytes_come_through),
        cmocka_unit_test(nothing_is_cut_within),
        cmocka_unit_test(a_sequence_that_is_cut_is_taken_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
