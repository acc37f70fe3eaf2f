/*
 * Log lines; see log_line.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/log_line.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "data/escape.h"

typedef struct writer {
    char *at;
    size_t size, n; /* the end of the line still fits behind `size` */
} writer;

static size_t room(const writer *self) {
    return self->size - self->n;
}

/* Adds what the caller knows to fit. */
static void add(writer *self, const char *text, size_t length) {
    assert(length <= room(self));
    memcpy(self->at + self->n, text, length);
    self->n += length;
}

static void add_string(writer *self, const char *text) {
    add(self, text, strlen(text));
}

static size_t at_most(size_t most, size_t value) {
    return value < most ? value : most;
}

/* The room of the text: all, or up to the middle of the line if something follows. */
static size_t room_of_text(const writer *self, const mp_log_event *event) {
    size_t end = event->trace_length > 0 || event->field_count > 0 ? self->size / 2 : self->size;
    return end > self->n ? end - self->n : 0;
}

/* --- text ----------------------------------------------------------------------------------------------- */

/* Adds a name or a value, in at most `most` bytes. */
static void add_word(writer *self, const char *text, size_t length, size_t most) {
    bool plain = length > 0 && memchr(text, ' ', length) == NULL && memchr(text, '=', length) == NULL;
    most = at_most(most, room(self));
    if (plain) {
        size_t n = mp_escape_quoted(self->at + self->n, most, text, length);
        if (n <= length && memcmp(self->at + self->n, text, n) == 0) {
            self->n += n;
            return;
        }
    }
    self->at[self->n++] = '"';
    self->n += mp_escape_quoted(self->at + self->n, most - 2, text, length);
    self->at[self->n++] = '"';
}

static void add_text_fields(writer *self, const mp_log_event *event) {
    for (size_t i = 0; i < event->field_count; i++) {
        const mp_log_field *it = &event->fields[i];
        size_t least = 4 * it->name_length + (it->bare ? it->value_length : 6) + 4;
        if (room(self) < least)
            return;
        add(self, " ", 1);
        add_word(self, it->name, it->name_length, 4 * it->name_length + 2);
        add(self, "=", 1);
        if (it->bare)
            add(self, it->value, it->value_length);
        else
            add_word(self, it->value, it->value_length, MP_LOG_VALUE);
    }
}

/* Each line of a traceback after a tab; keeps their indentation. */
static void add_trace(writer *self, const mp_log_event *event) {
    size_t prefix = strlen(event->prefix), length = event->trace_length;
    const char *text = event->trace;
    while (length > 0 && room(self) > prefix + 8) {
        const char *end = memchr(text, '\n', length);
        size_t rest = end ? (size_t)(end - text) : length;
        add(self, "\n", 1);
        add(self, event->prefix, prefix);
        add(self, "\t", 1);
        for (; rest > 0 && *text == '\t' && room(self) > 8; text++, rest--, length--)
            add(self, "\t", 1);
        self->n += mp_escape_text(self->at + self->n, room(self), text, rest);
        text += rest + (end != NULL);
        length -= rest + (end != NULL);
    }
}

static void begin_text(writer *self, const mp_log_event *event) {
    char *at = self->at;
    struct tm local;
    char source[16] = "";
    if (event->source)
        snprintf(source, sizeof source, "[%s] ", event->source);
    if (*event->prefix) {
        self->n = (size_t)snprintf(at, self->size, "%s%s %s", event->prefix, event->level, source);
        return;
    }
    localtime_r(&event->time.tv_sec, &local);
    size_t n = strftime(at, self->size, "%Y-%m-%d %H:%M:%S", &local);
    self->n = n + (size_t)snprintf(at + n, self->size - n, ".%03ld %s %s", event->time.tv_nsec / 1000000,
                                   event->level, source);
}

size_t mp_log_text_line(char *line, size_t size, const mp_log_event *event) {
    writer self = {.at = line, .size = size - 1};
    begin_text(&self, event);
    self.n += mp_escape_text(line + self.n, room_of_text(&self, event), event->text, event->length);
    add_text_fields(&self, event);
    add_trace(&self, event);
    line[self.n++] = '\n';
    return self.n;
}

/* --- JSON ----------------------------------------------------------------------------------------------- */

/* The day of a count since 1970; the year begins with March, so that a leap day is its last. */
static void date_of(int64_t days, int *year, int *month, int *day) {
    days += 719468; /* since the 1st of March of the year 0 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

/* gmtime_r takes a lock. */
static void begin_json(writer *self, const mp_log_event *event) {
    int64_t seconds = event->time.tv_sec, days = (seconds - (seconds < 0 ? 86399 : 0)) / 86400;
    int year, month, day, of_day = (int)(seconds - days * 86400);
    date_of(days, &year, &month, &day);
    self->n = (size_t)snprintf(
        self->at, self->size,
        "%s{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\",\"level\":\"%s\",\"pid\":%ld,", event->prefix,
        year, month, day, of_day / 3600, of_day / 60 % 60, of_day % 60, event->time.tv_nsec / 1000000,
        event->level, (long)event->pid);
    const char *quote = event->source && *event->source > '9' ? "\"" : "";
    if (event->source)
        self->n += (size_t)snprintf(self->at + self->n, self->size - self->n, "\"worker\":%s%s%s,", quote,
                                    event->source, quote);
    add_string(self, "\"message\":\"");
}

/* Adds the inside of a string, in at most `most` bytes, and its quote, for which there is room. */
static void add_json(writer *self, const char *text, size_t length, size_t most) {
    self->n += mp_escape_json(self->at + self->n, at_most(most, room(self) - 1), text, length);
    add(self, "\"", 1);
}

static void add_json_fields(writer *self, const mp_log_event *event) {
    for (size_t i = 0; i < event->field_count; i++) {
        const mp_log_field *it = &event->fields[i];
        size_t least = 6 * it->name_length + (it->bare ? it->value_length : 8) + 4;
        if (room(self) < least)
            return;
        add(self, ",\"", 2);
        add_json(self, it->name, it->name_length, 6 * it->name_length);
        add(self, ":", 1);
        if (it->bare) {
            add(self, it->value, it->value_length);
        } else {
            add(self, "\"", 1);
            add_json(self, it->value, it->value_length, MP_LOG_VALUE);
        }
    }
}

size_t mp_log_json_line(char *line, size_t size, const mp_log_event *event) {
    writer self = {.at = line, .size = size - 2}; /* a brace and the newline */
    begin_json(&self, event);
    size_t most = room_of_text(&self, event);
    add_json(&self, event->text, event->length, most > 0 ? most - 1 : 0);
    add_json_fields(&self, event);
    if (event->trace_length > 0 && room(&self) > 24) {
        add_string(&self, ",\"traceback\":\"");
        add_json(&self, event->trace, event->trace_length, room(&self));
    }
    line[self.n++] = '}';
    line[self.n++] = '\n';
    return self.n;
}
