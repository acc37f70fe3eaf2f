/*
 * Writing log lines. Each is one write(2), so that lines of several processes on one stderr don't mix.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/log.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/escape.h"
#include "system/system.h"

static const char *const level_names[] = {"debug", "info", "warning", "error", "none"};

int mp_log_level_from_name(const char *name) {
    for (int i = 0; i <= MP_LOG_NONE; i++)
        if (strcmp(name, level_names[i]) == 0)
            return i;
    return -1;
}

const char *mp_log_level_name(enum mp_log_level level) {
    return level_names[level];
}

int mp_log_format_from_name(const char *name) {
    return strcmp(name, "text") == 0 ? MP_LOG_TEXT : strcmp(name, "json") == 0 ? MP_LOG_JSON : -1;
}

/* A process has one stderr: its format, the rest of a line that it took in part, and the number of lines that
   it could not take. */
static struct {
    enum { UNKNOWN, PLAIN, JOURNAL } reader;
    enum mp_log_format format;
    const char *source;         /* NULL: it is the only process */
    volatile sig_atomic_t busy; /* the members below are being changed */
    char rest[MP_LOG_LINE];
    size_t rest_size;
    unsigned long long lost;
    void (*behind)(void *context);
    void *context;
} output;

/* --- who reads it --------------------------------------------------------------------------------------- */

/* JOURNAL_STREAM is "device:inode"; see systemd.exec(5). It is inherited, also where stderr is another now.
   */
static bool is_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char own[48];
    if (!stream || fstat(MP_LOG_DESCRIPTOR, &status) < 0)
        return false;
    snprintf(own, sizeof own, "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    return strcmp(stream, own) == 0;
}

void mp_log_set_format(enum mp_log_format format) {
    output.format = format;
    output.reader = is_journal() ? JOURNAL : PLAIN;
}

void mp_log_set_source(const char *name) {
    output.source = name;
}

const char *mp_log_source(void) {
    return output.source ? output.source : "";
}

bool mp_log_is_for_programs(void) {
    if (output.reader == UNKNOWN)
        mp_log_set_format(output.format);
    return output.format == MP_LOG_JSON || output.reader == JOURNAL;
}

/* --- lines ---------------------------------------------------------------------------------------------- */

/* The event in the format of the log. -> its length */
static size_t compose(char *line, size_t size, enum mp_log_level level, mp_log_event *event) {
    static const char *const priorities[] = {"<7>", "<6>", "<4>", "<3>"};
    bool for_programs = mp_log_is_for_programs();
    clock_gettime(CLOCK_REALTIME, &event->time);
    event->level = level_names[level];
    event->source = output.source;
    event->prefix = output.reader == JOURNAL ? priorities[level] : "";
    if (!for_programs || output.format == MP_LOG_TEXT)
        return mp_log_text_line(line, size, event);
    event->pid = getpid();
    return mp_log_json_line(line, size, event);
}

/* Writes what can be written now. -> 0; 1: a rest is left; -errno: nothing was written */
static int write_now(const char *data, size_t size) {
    ssize_t n = mp_system_write_stderr(data, size);
    if (n <= 0)
        return n < 0 ? (int)n : -EIO;
    output.rest_size = size - (size_t)n;
    memmove(output.rest, data + n, output.rest_size);
    return output.rest_size > 0;
}

static int catch_up(void) {
    char line[256], text[96];
    int result = output.rest_size > 0 ? write_now(output.rest, output.rest_size) : 0;
    if (result != 0 || output.lost == 0)
        return result;
    int length = snprintf(text, sizeof text, "%llu log lines were lost: nobody read stderr", output.lost);
    mp_log_event event = {.text = text, .length = (size_t)length};
    result = write_now(line, compose(line, sizeof line, MP_LOG_WARNING, &event));
    if (result >= 0)
        output.lost = 0;
    return result;
}

int mp_log_catch_up(void) {
    output.busy = true;
    int result = catch_up();
    output.busy = false;
    return result;
}

void mp_log_on_behind(void (*behind)(void *context), void *context) {
    output.behind = behind;
    output.context = context;
}

/* -> as write_now */
static int write_line(const char *line, size_t size) {
    output.busy = true;
    int result = catch_up();
    bool written = result == 0 && (result = write_now(line, size)) >= 0;
    if (!written)
        output.lost++;
    output.busy = false;
    return result;
}

static void write_event(enum mp_log_level level, mp_log_event *event) {
    char line[MP_LOG_LINE];
    int result = write_line(line, compose(line, sizeof line, level, event));
    if ((result == 1 || result == -EAGAIN) && output.behind)
        output.behind(output.context);
}

/* --- events --------------------------------------------------------------------------------------------- */

void mp_log_trace(enum mp_log_level threshold, enum mp_log_level level, const char *text, size_t length,
                  const char *trace, size_t trace_length) {
    mp_log_event event = {.text = text, .length = length, .trace = trace, .trace_length = trace_length};
    if (level >= threshold)
        write_event(level, &event);
}

void mp_log_fields(enum mp_log_level threshold, enum mp_log_level level, const char *text, size_t length,
                   const mp_log_field *fields, size_t count) {
    mp_log_event event = {.text = text, .length = length, .fields = fields, .field_count = count};
    if (level >= threshold)
        write_event(level, &event);
}

void mp_log_write(enum mp_log_level threshold, enum mp_log_level level, const char *text, size_t length) {
    mp_log_trace(threshold, level, text, length, "", 0);
}

void mp_log(enum mp_log_level threshold, enum mp_log_level level, const char *format, ...) {
    char text[1024];
    va_list arguments;
    if (level < threshold)
        return;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (n > 0)
        mp_log_write(threshold, level, text,
                     (size_t)n < sizeof text ? (size_t)n : mp_utf8_whole(text, sizeof text - 1));
}

/* What a handler that has interrupted a write finds of `output` is of no use: it writes past it. A line that
   is just then cut, since its reader is behind, has this one in it. */
void mp_log_from_signal(const char *text) {
    char line[MP_LOG_LINE];
    mp_log_event event = {.text = text, .length = strlen(text)};
    size_t size = mp_log_is_for_programs() ? compose(line, sizeof line, MP_LOG_ERROR, &event)
                                           : (size_t)snprintf(line, sizeof line, "moonport: %.8000s\n", text);
    if (output.busy)
        (void)mp_system_write_stderr(line, size);
    else if ((output.rest_size > 0 && write_now(output.rest, output.rest_size) != 0) ||
             write_now(line, size) < 0)
        output.lost++;
}
