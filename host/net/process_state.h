/*
 * A process' structure, for process.c and for process_channel.c below it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_PROCESS_STATE_H
#define MP_PROCESS_STATE_H

#include "loop/timer.h"
#include "net/tcp_socket.h"
#include "system/process.h"

/* QProcess::ProcessState, with Qt's numbers. */
enum mp_process_state { MP_PROCESS_NOT_RUNNING, MP_PROCESS_STARTING, MP_PROCESS_IS_RUNNING };

/* QProcess::ProcessChannel, and what it reads. */
enum mp_process_channel { MP_STANDARD_OUTPUT, MP_STANDARD_ERROR, MP_CHANNELS };

typedef struct mp_process mp_process;

/* A pipe from which the process' output comes. */
typedef struct mp_channel {
    ev_io watcher; /* watcher.fd is our end, -1 = none */
    mp_buffer *in; /* unread bytes; those of the current channel are the stream's */
    bool ended;    /* there is no pipe, or nothing more comes from it */
    bool dropped;  /* what comes isn't kept */
    bool full;     /* not the current one: not read until there is room */
    bool told;     /* readChannelFinished has been signalled */
} mp_channel;

/* What watches it; apart from the process, since the memory of an object of the bindings is small. */
typedef struct mp_process_pipes {
    mp_process *process;
    ev_io exit; /* waits for its end; the descriptor is the stream's watcher.fd */
    ev_io input;
    mp_channel channels[MP_CHANNELS];
    mp_delay grace;
} mp_process_pipes;

/* Private to host/, except `state`, `current`, `pid`, `how` and `runs` (read only). */
struct mp_process {
    mp_tcp_socket tcp; /* first; the stream carries standard input and the current channel */
    uint8_t state;     /* enum mp_process_state */
    uint8_t current;   /* enum mp_process_channel: the one that is read */
    bool own_group;
    bool exited;   /* and until it isn't running, it is only waited for what it has written */
    bool given_up; /* its output isn't waited for */
    pid_t pid;
    mp_exit how;   /* of the last run */
    uint64_t runs; /* that have finished */
    uint64_t sent; /* signals that this program has sent it, a bit each */
    mp_process_pipes *pipes;
};

/* Its own steps in the queue of the loop; those of a socket are below. */
enum { MP_PROCESS_STEP_RUNNING = 8, MP_PROCESS_STEP_LOOK, MP_PROCESS_STEP_GONE };

static inline mp_process *mp_process_of(const mp_stream *stream) {
    return (mp_process *)(uintptr_t)stream;
}

/* True if it has run, and runs no more. */
static inline bool mp_process_has_ended(const mp_process *process) {
    return process->state == MP_PROCESS_NOT_RUNNING && process->exited;
}

/* --- process_channel.c ---------------------------------------------------------------------------------- */

/* Carries the stream's bytes to standard input, and from the current channel. */
extern const mp_transport mp_transport_process;

/* Returns 0 or -ENOMEM. */
int mp_process_init_pipes(mp_process *process);

/* Has the poll watch for what the process may do now. */
void mp_process_watch(mp_process *process);

/* Closes a pipe. */
void mp_process_close_pipe(mp_process *process, ev_io *watcher);
void mp_process_close_pipes(mp_process *process);

/* True if nothing more comes from either channel. */
bool mp_process_is_silent(const mp_process *process);

/* True if a channel is waited for by us: it isn't read, because there is no room or reading is paused. */
bool mp_process_is_unread(const mp_process *process);

/* Drops the unread bytes of the channel that isn't the current one. */
void mp_process_drop_other(mp_process *process);

#endif
