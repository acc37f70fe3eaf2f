/*
 * One line on stderr a message, with time and level. The host's own lines and the script's look the same. The
 * log is the process's, as stderr is.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LOG_H
#define MP_LOG_H

#include <stddef.h>

enum mp_log_level { MP_LOG_DEBUG, MP_LOG_INFO, MP_LOG_WARNING, MP_LOG_ERROR, MP_LOG_NONE };

/* "debug", "info", "warning", "error", "none" → level, or -1. */
int mp_log_level_from_name(const char *name);

/* The other way round. */
const char *mp_log_level_name(enum mp_log_level level);

/* Writes `text` as one line if `level` is at least `threshold`, whatever bytes it has: what could steer a
   terminal, begin another line, or is no UTF-8 is escaped. Never waits for who reads stderr: lines that can't
   be written are lost, and their number is told when others can. */
void mp_log_write(enum mp_log_level threshold, enum mp_log_level level, const char *text, size_t length);

/* The same with the lines of a traceback below it, each of which is indented. */
void mp_log_trace(enum mp_log_level threshold, enum mp_log_level level, const char *text, size_t length,
                  const char *trace, size_t trace_length);

/* As mp_log_write, formatted; longer than 1 KiB is cut. */
void mp_log(enum mp_log_level threshold, enum mp_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
