/*
 * Log lines: "2026-11-22 21:04:05.123 warning message". Each is one write(2), so that lines of several
 * processes on one stderr don't mix.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "system/system.h"

#define LINE 8192 /* the longest line, with its traceback */

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

/* --- what is written ------------------------------------------------------------------------------------ */

/* The length of the valid UTF-8 sequence of more than one byte that begins here and isn't a control
   character; otherwise 0. */
static size_t sequence_length(const unsigned char *at, size_t left) {
    /* A smaller code is in too long a form, or a control character. */
    static const uint32_t least[] = {0, 0, 0xa0, 0x800, 0x10000};
    size_t length = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : *at >= 0xc2 ? 2 : 0;
    if (length == 0 || length > left || *at > 0xf4)
        return 0;
    uint32_t code = *at & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fU);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    bool separator = code == 0x2028 || code == 0x2029; /* of lines, for some readers */
    return code < least[length] || code > 0x10ffff || surrogate || separator ? 0 : length;
}

/* Copies text so that a peer's bytes in it can't control a terminal or begin a line; returns the length. */
static size_t copy_printable(char *out, size_t size, const char *text, size_t length) {
    size_t n = 0;
    for (size_t i = 0; i < length && n + 5 < size;) {
        unsigned char c = (unsigned char)text[i];
        size_t sequence = c < 0x80 ? 0 : sequence_length((const unsigned char *)text + i, length - i);
        if (sequence > 0) {
            memcpy(out + n, text + i, sequence);
            n += sequence;
            i += sequence;
            continue;
        }
        if (c == '\n' || c == '\t' || c == '\r')
            n += (size_t)snprintf(out + n, size - n, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        else if (c < 0x20 || c >= 0x7f)
            n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
        else
            out[n++] = (char)c;
        i++;
    }
    return n;
}

/* Copies the lines of a traceback, each on its own line after a tab; keeps their indentation. Returns the
   length. */
static size_t copy_lines(char *out, size_t size, const char *text, size_t length) {
    size_t n = 0;
    while (length > 0 && n + 8 < size) {
        const char *end = memchr(text, '\n', length);
        size_t line = end ? (size_t)(end - text) : length;
        out[n++] = '\n';
        out[n++] = '\t';
        for (; line > 0 && *text == '\t' && n + 8 < size; text++, line--, length--)
            out[n++] = '\t';
        n += copy_printable(out + n, size - n, text, line);
        text += line + (end != NULL);
        length -= line + (end != NULL);
    }
    return n;
}

/* --- how it is written ---------------------------------------------------------------------------------- */

/* A process has one stderr: the rest of a line that it took in part, and the number of lines that it could
   not take. */
static struct {
    char rest[LINE];
    size_t rest_size;
    unsigned long long lost;
    void (*behind)(void *context);
    void *context;
} output;

/* Writes what can be written now. -> 0; 1: a rest is left; -errno: nothing was written */
static int write_now(const char *data, size_t size) {
    ssize_t n = mp_system_write_stderr(data, size);
    if (n <= 0)
        return n < 0 ? (int)n : -EIO;
    output.rest_size = size - (size_t)n;
    memmove(output.rest, data + n, output.rest_size);
    return output.rest_size > 0;
}

/* "2026-11-22 21:04:05.123 warning " -> its length */
static size_t begin_line(char *line, size_t size, enum mp_log_level level) {
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    size_t n = strftime(line, size, "%Y-%m-%d %H:%M:%S", &local);
    return n + (size_t)snprintf(line + n, size - n, ".%03ld %s ", now.tv_nsec / 1000000, level_names[level]);
}

int mp_log_catch_up(void) {
    char line[128];
    int result = output.rest_size > 0 ? write_now(output.rest, output.rest_size) : 0;
    if (result != 0 || output.lost == 0)
        return result;
    size_t n = begin_line(line, sizeof line, MP_LOG_WARNING);
    n += (size_t)snprintf(line + n, sizeof line - n, "%llu log lines were lost: nobody read stderr\n",
                          output.lost);
    result = write_now(line, n);
    if (result >= 0)
        output.lost = 0;
    return result;
}

void mp_log_on_behind(void (*behind)(void *context), void *context) {
    output.behind = behind;
    output.context = context;
}

static void write_line(const char *line, size_t size) {
    int result = mp_log_catch_up();
    bool written = result == 0 && (result = write_now(line, size)) >= 0;
    if (!written)
        output.lost++;
    if ((result == 1 || result == -EAGAIN) && output.behind)
        output.behind(output.context);
}

void mp_log_trace(enum mp_log_level threshold, enum mp_log_level level, const char *text, size_t length,
                  const char *trace, size_t trace_length) {
    char line[LINE];
    if (level < threshold)
        return;
    size_t n = begin_line(line, sizeof line, level);
    n += copy_printable(line + n, (trace_length > 0 ? sizeof line / 2 : sizeof line - 1) - n, text, length);
    n += copy_lines(line + n, sizeof line - 1 - n, trace, trace_length);
    line[n++] = '\n';
    write_line(line, n);
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
        mp_log_write(threshold, level, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}
