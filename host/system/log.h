/*
 * One line on stderr a message, with time and level. The host's own lines and the script's look the same.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LOG_H
#define MP_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum mp_log_level { MP_LOG_DEBUG, MP_LOG_INFO, MP_LOG_WARNING, MP_LOG_ERROR, MP_LOG_NONE };

/* "debug", "info", "warning", "error", "none" → level, or -1. */
int mp_log_level_from_name(const char *name);

/* The other way round. */
const char *mp_log_level_name(enum mp_log_level level);

/* Writes `text` (length bytes; control characters other than newline and tab are escaped) with one write(2) if `level`
   is at least `threshold`. Follow-up lines of a traceback stay as they are. */
void mp_log_write(enum mp_log_level threshold, enum mp_log_level level, const char *text, size_t length);

/* The same, formatted; longer than 1 KiB is cut. */
void mp_log(enum mp_log_level threshold, enum mp_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
