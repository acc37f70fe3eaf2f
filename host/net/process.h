/*
 * Processes: QProcess. A process is a stream to its standard input and from its standard output or standard
 * error, whichever is the current channel; the other one is read beside. It has the state of a process, not
 * that of a socket. The header is the specification, as in stream.h.
 *
 * Signals of a run: stateChanged(Starting); then, from the loop, stateChanged(Running), started; then what
 * is written and read; readChannelFinished when the current channel is at its end; stateChanged(NotRunning),
 * errorOccurred(CRASHED) after a signal that this program hasn't sent, readChannelFinished if it wasn't
 * signalled, finished. The process has finished when it ends, and its channels are at their end or a
 * second has passed: its own children may hold them for longer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_PROCESS_H
#define MP_PROCESS_H

#include "net/process_state.h"

extern const mp_stream_class mp_process_class;

/* Makes a process that doesn't run. Returns 0 or -ENOMEM; destroy it in either case. */
int mp_process_init(mp_process *process, mp_network *network);

/* Kills it if it runs; no upcall follows. */
void mp_process_destroy(mp_process *process);

/* How a standard descriptor is made. */
typedef struct mp_standard {
    enum { MP_STANDARD_PIPE, MP_STANDARD_FORWARDED, MP_STANDARD_FILE, MP_STANDARD_MERGED } kind;
    const char *path; /* of a file */
    bool append;
} mp_standard;

typedef struct mp_process_start {
    mp_spawn spawn; /* without the descriptors */
    mp_standard standard[3];
    int open_mode;
} mp_process_start;

/*
 * QProcess::start. What is unread of the last run is dropped. Faults: PROCESS_RUNNING; NO_PROGRAM, signalled;
 * PROCESS_NOT_STARTED: stateChanged(Starting), stateChanged(NotRunning), errorOccurred; mp_stream_fault_text
 * has the reason.
 */
enum mp_fault mp_process_start_program(mp_process *process, mp_process_start *start);

/* Starts it as a process that lives on, with its standard descriptors forwarded or files. Faults:
   PROCESS_NOT_STARTED, without a signal. */
enum mp_fault mp_process_start_detached(mp_process *process, mp_process_start *start, pid_t *pid);

/* Sends it a signal of the system, and with `group` also those that it has started, if it leads a group. Does
   nothing unless it runs. Its end by that signal is no crash. */
void mp_process_signal(mp_process *process, int number, bool group);

/* Which channel is read by the functions of a stream. Returns 0, -ENOMEM, or -EBUSY in a transaction. */
int mp_process_set_channel(mp_process *process, enum mp_process_channel channel);

/* What comes from the channel is dropped from now on. */
void mp_process_close_channel(mp_process *process, enum mp_process_channel channel);

/* The limits have changed. */
void mp_process_apply_limits(mp_process *process);

/* How a run ended, from the argument of `finished`. */
static inline mp_exit mp_process_exit_of(intptr_t argument) {
    return (mp_exit){(int)(argument >> 1), argument & 1};
}

#endif
