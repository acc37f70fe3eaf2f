/*
 * Log lines: "2026-11-22 21:04:05.123 warning message". One write(2) each, so that lines of several processes
 * on one stderr don't mix.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

/* Copies text so that a peer's bytes in it cannot steer a terminal; returns the length. */
static size_t copy_printable(char *out, size_t size, const char *text, size_t length) {
    size_t n = 0;
    for (size_t i = 0; i < length && n + 5 < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
        else
            out[n++] = text[i];
    }
    return n;
}

void mp_log_write(enum mp_log_level threshold, enum mp_log_level level, const char *text, size_t length) {
    char line[8192];
    struct timespec now;
    struct tm local;
    if (level < threshold)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    size_t n = strftime(line, sizeof line, "%Y-%m-%d %H:%M:%S", &local);
    n += (size_t)snprintf(line + n, sizeof line - n, ".%03ld %s ", now.tv_nsec / 1000000, level_names[level]);
    n += copy_printable(line + n, sizeof line - n - 1, text, length);
    line[n++] = '\n';
    mp_system_write_stderr(line, n);
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
