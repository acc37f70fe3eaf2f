/*
 * Starting a process; see process.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/process_start.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/reserve.h"
#include "net/descriptor.h"
#include "net/stream_input.h"
#include "system/system.h"

/* The descriptors that are made for a start. -1: there is none. */
typedef struct ends {
    int ours[3], theirs[3];
    bool shared; /* the last of theirs is the one before */
} ends;

/* The reason why it hasn't started. Without memory the table's text remains. */
static enum mp_fault fail(mp_process *process, const char *what, int error) {
    mp_stream_extras *extras = process->tcp.stream.extras;
    const char *text = strerror(-error);
    size_t size = strlen(what) + strlen(text) + sizeof ": ";
    free(extras->fault_text);
    extras->fault = MP_FAULT_PROCESS_NOT_STARTED;
    extras->fault_text = malloc(size);
    if (extras->fault_text)
        snprintf(extras->fault_text, size, "%s: %s", what, text);
    return MP_FAULT_PROCESS_NOT_STARTED;
}

/* --- descriptors ---------------------------------------------------------------------------------------- */

static void close_all(int fds[3], int count) {
    for (int i = 0; i < count; i++) {
        if (fds[i] >= 0)
            mp_system_close(fds[i]);
        fds[i] = -1;
    }
}

static void close_theirs(ends *made) {
    close_all(made->theirs, made->shared ? 2 : 3);
}

/* Makes both ends of one standard descriptor. *what: what has failed. */
static int make(ends *made, int number, const mp_standard *standard, const char **what) {
    int fds[2], result, ours = number == 0;
    switch (standard->kind) {
    case MP_STANDARD_PIPE:
        *what = "pipe2";
        result = mp_system_process_pipe(fds, ours);
        if (result == 0) {
            made->ours[number] = fds[ours];
            made->theirs[number] = fds[!ours];
        }
        return result;
    case MP_STANDARD_FILE:
        *what = standard->path;
        result = mp_system_open_standard_file(standard->path, number, standard->append);
        made->theirs[number] = result < 0 ? -1 : result;
        return result;
    case MP_STANDARD_MERGED:
        made->shared = true;
        made->theirs[number] = made->theirs[number - 1] >= 0 ? made->theirs[number - 1] : number - 1;
        return 0;
    default: return 0;
    }
}

static int make_all(ends *made, const mp_process_start *start, const char **what) {
    *made = (ends){{-1, -1, -1}, {-1, -1, -1}, false};
    for (int i = 0; i < 3; i++) {
        int result = make(made, i, &start->standard[i], what);
        if (result < 0) {
            close_theirs(made);
            close_all(made->ours, 3);
            return result;
        }
    }
    return 0;
}

/* Starts the program with the descriptors, of which only ours remain. */
static int spawn(ends *made, mp_process_start *start, pid_t *pid, int *process, const char **what) {
    int result = make_all(made, start, what);
    if (result < 0)
        return result;
    memcpy(start->spawn.standard, made->theirs, sizeof made->theirs);
    result = mp_system_spawn(&start->spawn, pid, process);
    *what = start->spawn.failed;
    close_theirs(made);
    if (result < 0)
        close_all(made->ours, 3);
    return result;
}

/* --- the start ------------------------------------------------------------------------------------------ */

static void set_pipe(mp_process *process, ev_io *watcher, int fd) {
    ev_io_set(watcher, fd, watcher->events & (EV_READ | EV_WRITE));
    if (fd >= 0)
        mp_descriptor_own(mp_stream_network(&process->tcp.stream), fd);
}

/* Forgets the last run. */
static void clear(mp_process *process, int open_mode) {
    mp_stream *stream = &process->tcp.stream;
    mp_stream_drop_input(stream);
    mp_stream_clear_fault(stream);
    stream->flags &= KEPT_ALWAYS;
    stream->phase = PHASE_OPEN;
    stream->open_mode = (uint8_t)open_mode;
    for (int i = 0; i < MP_CHANNELS; i++)
        process->pipes->channels[i].dropped = process->pipes->channels[i].full =
            process->pipes->channels[i].told = false;
    process->how = (mp_exit){0, false};
    process->sent = 0;
    process->pid = 0;
    process->exited = process->given_up = false;
}

/* It has been started: the stream is connected with it. */
static void take(mp_process *process, const ends *made, int fd) {
    mp_stream *stream = &process->tcp.stream;
    mp_network *network = mp_stream_network(stream);
    mp_descriptor_own(network, fd);
    ev_io_set(&stream->watcher, fd, 0);
    set_pipe(process, &process->pipes->input, made->ours[0]);
    for (int i = 0; i < MP_CHANNELS; i++) {
        set_pipe(process, &process->pipes->channels[i].watcher, made->ours[1 + i]);
        process->pipes->channels[i].ended = made->ours[1 + i] < 0;
    }
    stream->extras->carrier = (mp_carrier){.transport = &mp_transport_process, .stage = CARRIER_OPEN};
    stream->flags |= FLAG_CARRIED | FLAG_UNANNOUNCED | FLAG_WAS_CONNECTED;
    if (made->ours[0] < 0)
        stream->flags |= FLAG_WRITE_CLOSED;
    if (process->pipes->channels[process->current].ended)
        stream->flags |= FLAG_READ_ENDED;
    stream->state = MP_STATE_CONNECTED;
    mp_ring_append(&network->outgoing, &stream->link);
    network->processes++;
    process->state = MP_PROCESS_STARTING;
}

enum mp_fault mp_process_begin(mp_process *process, mp_process_start *start) {
    const char *what = "watch";
    ends made;
    int fd, result = -ENOMEM;
    clear(process, start->open_mode);
    if (!start->spawn.program[0]) {
        process->tcp.stream.open_mode = MP_NOT_OPEN;
        return MP_FAULT_NO_PROGRAM;
    }
    start->spawn.detached = false;
    if (mp_stream_network(&process->tcp.stream)->winding_down) {
        what = "the service is stopping"; /* and one that is started anew at its end would hold it up */
        result = -ECANCELED;
    } else if (mp_reserve_is_whole()) {
        result = spawn(&made, start, &process->pid, &fd, &what);
    }
    if (result < 0) {
        process->pid = 0;
        process->tcp.stream.open_mode = MP_NOT_OPEN;
        return fail(process, what, result);
    }
    process->own_group = start->spawn.own_group;
    take(process, &made, fd);
    return MP_FAULT_NONE;
}

enum mp_fault mp_process_start_detached(mp_process *process, mp_process_start *start, pid_t *pid) {
    const char *what;
    ends made;
    int fd;
    if (!start->spawn.program[0])
        return MP_FAULT_NO_PROGRAM;
    start->spawn.detached = true;
    for (int i = 0; i < 3; i++)
        if (start->standard[i].kind == MP_STANDARD_PIPE)
            start->standard[i].kind = MP_STANDARD_FORWARDED;
    int result = spawn(&made, start, pid, &fd, &what);
    if (result == 0)
        return MP_FAULT_NONE;
    process->tcp.stream.fault = MP_FAULT_PROCESS_NOT_STARTED;
    return fail(process, what, result);
}
