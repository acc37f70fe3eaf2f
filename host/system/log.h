/*
 * The log: each event is one line on stderr, with time and level. Lines of the host and of the script look
 * the same. There is one log for the process, as there is one stderr. log_line.h has the two formats, and
 * what bounds a line.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LOG_H
#define MP_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "system/log_line.h"

enum mp_log_level { MP_LOG_DEBUG, MP_LOG_INFO, MP_LOG_WARNING, MP_LOG_ERROR, MP_LOG_NONE };

/* "debug", "info", "warning", "error", "none" → level, or -1. */
int mp_log_level_from_name(const char *name);

/* The reverse. */
const char *mp_log_level_name(enum mp_log_level level);

enum mp_log_format { MP_LOG_TEXT, MP_LOG_JSON };

/* "text", "json" → format, or -1. */
int mp_log_format_from_name(const char *name);

/* Text until then. If stderr is the journal of systemd (JOURNAL_STREAM in the environment names it), each
   line of both formats begins with the priority, "<3>", which the journal takes away. */
void mp_log_set_format(enum mp_log_format format);

/* From now on each line says that it comes from this process of several: "2", or "store". The text stays the
   caller's. */
void mp_log_set_source(const char *name);

/* That name, or "". */
const char *mp_log_source(void);

/* False if lines are plain text, for people: no JSON, and stderr isn't the journal. */
bool mp_log_is_for_programs(void);

/* Writes `text` as one line if `level` is at least `threshold`. It escapes bytes that could control a
   terminal, begin another line, or aren't UTF-8. It never waits for the reader of stderr: lines that can't be
   written are lost, and mp_log_catch_up gives their number. */
void mp_log_write(enum mp_log_level threshold, enum mp_log_level level, const char *text, size_t length);

/* The same, with the indented lines of a traceback below. */
void mp_log_trace(enum mp_log_level threshold, enum mp_log_level level, const char *text, size_t length,
                  const char *trace, size_t trace_length);

/* Like mp_log_write, with fields behind the text. */
void mp_log_fields(enum mp_log_level threshold, enum mp_log_level level, const char *text, size_t length,
                   const mp_log_field *fields, size_t count);

/* Like mp_log_write, formatted; cut at 1 KiB. */
void mp_log(enum mp_log_level threshold, enum mp_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For signal handlers: writes an error that the log has whatever its level. As plain text it is
   "moonport: …", without a time. */
void mp_log_from_signal(const char *text);

enum { MP_LOG_DESCRIPTOR = 2 };

/* Calls `behind` whenever a line had to stay out, or a part of it, because stderr has no room now. NULL: no
   more. */
void mp_log_on_behind(void (*behind)(void *context), void *context);

/* Writes what is left of a line, and how many were lost. Each log line does that first. -> 0: nothing is
   left; 1: more is, and stderr took a part; -EAGAIN: it has no room; another -errno: it takes nothing any
   more. */
int mp_log_catch_up(void);

#endif
