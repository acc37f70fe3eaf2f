/*
 * One event of the log as one line, in each format. Makes the line only; log.h writes it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LOG_LINE_H
#define MP_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* The longest line, with its end; and the longest value of a field in it, as escaped. */
enum { MP_LOG_LINE = 8192, MP_LOG_VALUE = 1024 };

typedef struct mp_log_field {
    const char *name, *value;
    size_t name_length, value_length;
    bool bare; /* the value is a number, true or false, in the form that JSON has for it */
} mp_log_field;

typedef struct mp_log_event {
    struct timespec time;
    pid_t pid;
    const char *source; /* which of several processes: a number, or a name; NULL: it is the only one */
    const char *level;
    const char *prefix; /* "<3>" for the journal, or "" */
    const char *text, *trace;
    size_t length, trace_length; /* no trace: 0 */
    const mp_log_field *fields;
    size_t field_count;
} mp_log_event;

/*
 * Both write at most `size` bytes, which is at least 128, with the newline at the end. -> how many
 *
 * What is too long is cut inside of the text, the traceback or a value, never within an escape. If something
 * follows the text, the text has at most half of the line. A field that has no room for its name and a part
 * of its value (a bare one for all of it) is left out with those behind it.
 */

/*
 * 2026-11-22 21:04:05.123 warning text name=value name="a value"
 *     stack traceback:
 *
 * A value is quoted if it is empty, has blanks, `=`, quotes or backslashes, or something is escaped in it.
 * With a prefix each line begins with that, and has no time: the journal has its own. The time is local.
 */
size_t mp_log_text_line(char *line, size_t size, const mp_log_event *event);

/*
 * {"time":"2026-11-22T20:04:05.123Z","level":"warning","pid":42,"message":"text","name":"value"}
 *
 * One object of JSON. A traceback is the field "traceback". The time is UTC, so that the lines of machines in
 * several zones, and of the hour that an autumn has twice, have an order. Uses no locks: a signal handler may
 * call it.
 */
size_t mp_log_json_line(char *line, size_t size, const mp_log_event *event);

#endif
