/*
 * Writes the rest of the log as soon as stderr has room again: the end of a line, and the number of lost
 * lines. It watches stderr only while something is left.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_LOG_READER_H
#define PROGRAM_LOG_READER_H

#include "loop/timer.h"
#include "loop/watcher.h"

typedef struct program_log_reader {
    mp_loop *loop;
    enum { LOG_READ, LOG_WATCHED, LOG_AGAIN } state;
    mp_readable room;
    mp_delay again;
} program_log_reader;

/* Starts the reader. A process has one. */
void program_start_log_reader(program_log_reader *self, mp_loop *loop);

/* Stops it; does nothing if it wasn't started. */
void program_stop_log_reader(program_log_reader *self);

#endif
