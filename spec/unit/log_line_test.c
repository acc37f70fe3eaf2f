/*
 * Lines of the log in both formats: what they say, and what becomes of lines that are too long, at each
 * length around the bounds.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "below.h"
#include "data/escape.h"
#include "system/log_line.h"

#define TEST(name) static void name(void **state __attribute__((unused)))
#define STRING(field, content) .field = content, .field##_length = sizeof(content) - 1

typedef size_t function(char *line, size_t size, const mp_log_event *event);

static const mp_log_event plain = {.time = {1764536645, 123456789},
                                   .pid = 42,
                                   .level = "warning",
                                   .prefix = "",
                                   .text = "said",
                                   .length = 4};

/* The line, in memory of its own so that nothing is written behind `size`. */
static char *line_of(function *how, size_t size, const mp_log_event *event) {
    char *line = malloc(size), *text;
    size_t n = how(line, size, event);
    assert_in_range(n, 1, size);
    assert_int_equal(line[n - 1], '\n');
    text = malloc(n + 1);
    memcpy(text, line, n);
    text[n] = 0;
    assert_int_equal(strlen(text), n);
    free(line);
    return text;
}

static void expect(function *how, const mp_log_event *event, const char *expected) {
    char *line = line_of(how, MP_LOG_LINE, event);
    assert_string_equal(line, expected);
    free(line);
}

/* --- what they say -------------------------------------------------------------------------------------- */

static const mp_log_field fields[] = {
    {STRING(name, "a b"), STRING(value, "x")},
    {STRING(name, "bytes"), STRING(value, "5"), .bare = true},
    {STRING(name, "empty"), STRING(value, "")},
    {STRING(name, "line"), STRING(value, "a\nb")},
    {STRING(name, "number"), STRING(value, "5")},
    {STRING(name, "peer"), STRING(value, "::1")},
    {STRING(name, "quote"), STRING(value, "\"\\")},
    {STRING(name, "said"), STRING(value, "k=v")},
    {STRING(name, "umlaut"), STRING(value, "\303\274\377")},
};

#define FIELDS .fields = fields, .field_count = sizeof fields / sizeof *fields

TEST(text) {
    mp_log_event event = plain, traced = plain, with_fields = plain;
    expect(mp_log_text_line, &event, "2025-11-30 21:04:05.123 warning said\n");
    traced.trace = "stack traceback:\n\t[C]: in ?\nx\ry", traced.trace_length = strlen(traced.trace);
    expect(mp_log_text_line, &traced,
           "2025-11-30 21:04:05.123 warning said\n\tstack traceback:\n\t\t[C]: in ?\n\tx\\ry\n");
    with_fields = (mp_log_event){
        .time = plain.time, .level = "info", .prefix = "", .text = "said", .length = 4, FIELDS};
    expect(mp_log_text_line, &with_fields,
           "2025-11-30 21:04:05.123 info said \"a b\"=x bytes=5 empty=\"\" line=\"a\\nb\" number=5 peer=::1 "
           "quote=\"\\\"\\\\\" said=\"k=v\" umlaut=\"\303\274\\xff\"\n");
    event.prefix = traced.prefix = "<4>";
    expect(mp_log_text_line, &event, "<4>warning said\n");
    expect(mp_log_text_line, &traced,
           "<4>warning said\n<4>\tstack traceback:\n<4>\t\t[C]: in ?\n<4>\tx\\ry\n");
}

TEST(json) {
    mp_log_event event = plain, traced = plain;
    expect(mp_log_json_line, &event,
           "{\"time\":\"2025-11-30T21:04:05.123Z\",\"level\":\"warning\",\"pid\":42,\"message\":\"said\"}\n");
    traced.trace = "stack traceback:\n\t[C]: in ?", traced.trace_length = strlen(traced.trace);
    traced.prefix = "<4>";
    expect(mp_log_json_line, &traced,
           "<4>{\"time\":\"2025-11-30T21:04:05.123Z\",\"level\":\"warning\",\"pid\":42,\"message\":\"said\","
           "\"traceback\":\"stack traceback:\\n\\t[C]: in ?\"}\n");
    event = (mp_log_event){.time = plain.time, .pid = 42, .level = "info", .prefix = "", .text = "", FIELDS};
    expect(
        mp_log_json_line, &event,
        "{\"time\":\"2025-11-30T21:04:05.123Z\",\"level\":\"info\",\"pid\":42,\"message\":\"\",\"a b\":\"x\","
        "\"bytes\":5,\"empty\":\"\",\"line\":\"a\\nb\",\"number\":\"5\",\"peer\":\"::1\",\"quote\":\"\\\"\\\\\","
        "\"said\":\"k=v\",\"umlaut\":\"\303\274\\ufffd\"}\n");
}

TEST(times_are_those_of_gmtime) {
    for (int64_t seconds = -2208988800; seconds < 253402300800; seconds += 86399 * 97 + 12345) {
        mp_log_event event = plain;
        struct tm utc;
        char expected[40];
        time_t now = event.time.tv_sec = (time_t)seconds;
        assert_non_null(gmtime_r(&now, &utc));
        strftime(expected, sizeof expected, "{\"time\":\"%Y-%m-%dT%H:%M:%S.123Z\"", &utc);
        char *line = line_of(mp_log_json_line, 200, &event);
        assert_memory_equal(line, expected, strlen(expected));
        free(line);
    }
}

/* --- what is too long ----------------------------------------------------------------------------------- */

/* A string of JSON from here. -> behind it */
static const char *skip_string(const char *at) {
    assert_int_equal(*at++, '"');
    while (*at != '"') {
        assert_true((unsigned char)*at >= 0x20);
        if (*at++ != '\\')
            continue;
        if (*at == 'u')
            assert_int_equal(strspn(at + 1, "0123456789abcdef") >= 4, true);
        assert_true(*at && strchr("u\"\\bfnrt", *at));
        at += *at == 'u' ? 5 : 1;
    }
    return at + 1;
}

/* Asserts one object in one line. -> the number of its members */
static size_t members(const char *line) {
    size_t count = 0;
    const char *at = line;
    assert_int_equal(*at, '{');
    assert_true(mp_utf8_valid(line, strlen(line)));
    do {
        at = skip_string(at + 1);
        assert_int_equal(*at++, ':');
        at = *at == '"' ? skip_string(at) : at + strspn(at, "0123456789.-+einftrualsn");
        count++;
    } while (*at == ',');
    assert_string_equal(at, "}\n");
    return count;
}

static const char *const pieces[] = {
    "x", "\n", "\"", "\001", "\377", "\303\274", "\342\202\254", "\360\237\230\200", "\342\200\250", "\303"};

static char *repeated(const char *piece, size_t length) {
    char *text = malloc(length + 1);
    for (size_t i = 0; i < length; i++)
        text[i] = piece[i % strlen(piece)];
    text[length] = 0;
    return text;
}

TEST(long_texts_are_cut_within_the_string) {
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
        for (size_t length = MP_LOG_LINE / 6 - 60; length < MP_LOG_LINE + 60; length++) {
            if (length > MP_LOG_LINE / 6 + 60 && length < MP_LOG_LINE - 120 && length % 97 != 0)
                continue;
            char *text = repeated(pieces[p], length);
            mp_log_event event = plain;
            event.text = text;
            event.length = length;
            char *line = line_of(mp_log_json_line, MP_LOG_LINE, &event);
            assert_int_equal(members(line), 4);
            if (length > MP_LOG_LINE)
                assert_true(strlen(line) > MP_LOG_LINE - 8);
            free(line);
            line = line_of(mp_log_text_line, MP_LOG_LINE, &event);
            assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
            assert_true(mp_utf8_valid(line, strlen(line)));
            free(line);
            free(text);
        }
    }
}

/* What follows a long text has half of the line. */
TEST(long_texts_leave_room) {
    char *text = repeated("\377", 20000), *trace = repeated("\tx\n", 20000);
    mp_log_event event = {
        .time = plain.time, .level = "error", .prefix = "<3>", .text = text, .length = 20000, FIELDS};
    char *line = line_of(mp_log_json_line, MP_LOG_LINE, &event);
    assert_int_equal(members(line + 3), 4 + event.field_count);
    assert_in_range(strlen(line), MP_LOG_LINE / 2, MP_LOG_LINE / 2 + 300);
    free(line);
    event.fields = NULL, event.field_count = 0;
    event.trace = trace, event.trace_length = 20000;
    line = line_of(mp_log_json_line, MP_LOG_LINE, &event);
    assert_int_equal(members(line + 3), 5);
    assert_in_range(strlen(line), MP_LOG_LINE - 8, MP_LOG_LINE);
    free(line);
    line = line_of(mp_log_text_line, MP_LOG_LINE, &event);
    for (const char *at = line; *at; at = strchr(at, '\n') + 1)
        assert_memory_equal(at, at == line ? "<3>error " : "<3>\t", 4);
    free(line);
    free(text);
    free(trace);
}

TEST(fields_are_cut_or_left_out) {
    static const size_t lengths[] = {0, 1, 200, MP_LOG_VALUE - 1, MP_LOG_VALUE, MP_LOG_VALUE + 1, 1 << 20};
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            char *value = repeated(pieces[p], lengths[l]);
            mp_log_field same[40];
            for (size_t i = 0; i < 40; i++)
                same[i] = (mp_log_field){STRING(name, "n"), .value = value, .value_length = lengths[l]};
            mp_log_event event = plain;
            event.fields = same;
            for (event.field_count = 1; event.field_count <= 40; event.field_count++) {
                char *line = line_of(mp_log_json_line, MP_LOG_LINE, &event);
                size_t count = members(line);
                assert_true(count == 4 + event.field_count || strlen(line) > MP_LOG_LINE - 24);
                free(line);
                line = line_of(mp_log_text_line, MP_LOG_LINE, &event);
                assert_true(mp_utf8_valid(line, strlen(line)));
                assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
                free(line);
            }
            free(value);
        }
    }
}

/* Anything, in lines of any size. */
TEST(random_events_make_valid_lines) {
    for (int round = 0; round < 3000; round++) {
        char bytes[4000];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)(below(3) ? (int)below(256) : "\"\\\n\t\342\200\250 ="[below(9)]);
        mp_log_field some[30];
        for (size_t i = 0; i < 30; i++) {
            some[i] = (mp_log_field){.name = bytes + below(100),
                                     .name_length = below(80),
                                     .value = bytes + below(1000),
                                     .value_length = below(3000)};
            if (below(4) == 0)
                some[i] = (mp_log_field){
                    .name = bytes, .name_length = below(80), STRING(value, "-1.5e+20"), .bare = true};
        }
        mp_log_event event = plain;
        event.text = bytes + below(100);
        event.length = below(3000);
        event.fields = some;
        event.field_count = below(31);
        event.trace = bytes;
        event.trace_length = below(2) ? below(4000) : 0;
        size_t size = 128 + below(MP_LOG_LINE - 128);
        char *line = line_of(mp_log_json_line, size, &event);
        assert_in_range(members(line), 4, 4 + event.field_count + 1);
        free(line);
        char *guarded = malloc(size);
        assert_in_range(mp_log_text_line(guarded, size, &event), 40, size);
        free(guarded);
    }
}

static int use_utc(void **state) {
    (void)state;
    return setenv("TZ", "UTC0", 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),
        cmocka_unit_test(json),
        cmocka_unit_test(times_are_those_of_gmtime),
        cmocka_unit_test(long_texts_are_cut_within_the_string),
        cmocka_unit_test(long_texts_leave_room),
        cmocka_unit_test(fields_are_cut_or_left_out),
        cmocka_unit_test(random_events_make_valid_lines),
    };
    return cmocka_run_group_tests(tests, use_utc, NULL);
}
