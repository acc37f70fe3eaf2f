/*
 * Processes; see process.h. process_start.c has how one begins.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/process.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "net/process_start.h"
#include "net/reaper.h"
#include "net/stream_close.h"
#include "net/stream_input.h"
#include "net/stream_limits.h"
#include "net/stream_output.h"
#include "net/tcp_socket_extras.h"

/* A child of the process may hold its output for longer, and is waited for so long: milliseconds. */
#define GRACE 1000.

/* --- the end -------------------------------------------------------------------------------------------- */

/* A signal's bit in `sent`. The signals are 1 to 64; 0 if it isn't known which one it was. */
static uint64_t bit_of(int number) {
    return number > 0 ? UINT64_C(1) << (number - 1) : 0;
}

/* It ended, and its channels did or are given up. */
static void finish(mp_process *process) {
    mp_stream *stream = &process->tcp.stream;
    mp_object *object = &stream->object;
    mp_exit how = process->how;
    bool told = stream->flags & FLAG_FINISHED_TOLD;
    assert(process->state == MP_PROCESS_IS_RUNNING && process->exited);
    assert(mp_stream_network(stream)->processes > 0);
    mp_delay_stop(&process->pipes->grace, object->loop);
    ev_io_stop(object->loop->ev, &process->pipes->exit);
    mp_system_reap(stream->watcher.fd);
    if (stream->flags & FLAG_ARRIVED)
        mp_stream_keep_arrival(stream);
    mp_stream_leave_mover(stream, how.signalled ? MP_FAULT_PROCESS_CRASHED : MP_FAULT_NONE);
    mp_stream_shut(stream, false);
    stream->flags |= FLAG_READ_ENDED | FLAG_FINISHED_TOLD;
    stream->state = MP_STATE_UNCONNECTED;
    process->state = MP_PROCESS_NOT_RUNNING;
    process->runs++;
    mp_stream_network(stream)->processes--;
    mp_object_emit(object, MP_SIGNAL_PROCESS_STATE, MP_PROCESS_NOT_RUNNING);
    if (how.signalled && !(process->sent & bit_of(how.status))) {
        stream->fault = MP_FAULT_PROCESS_CRASHED;
        mp_object_emit(object, MP_SIGNAL_ERROR_OCCURRED, MP_FAULT_PROCESS_CRASHED);
    }
    if (!told)
        mp_object_emit(object, MP_SIGNAL_READ_CHANNEL_FINISHED, 0);
    mp_object_defer(object, MP_PROCESS_STEP_GONE);
    mp_object_emit(object, MP_SIGNAL_FINISHED, (intptr_t)how.status << 1 | how.signalled);
}

/* True if the script has killed it. */
static bool is_killed(const mp_process *process) {
    return process->sent & bit_of(SIGKILL);
}

/* What the script hasn't taken yet is waited for without an end, unless the script has killed it. */
static void on_grace(mp_delay *delay) {
    mp_process *process = MP_CONTAINER(delay, mp_process_pipes, grace)->process;
    mp_object *object = &process->tcp.stream.object;
    assert(process->exited);
    if (mp_process_is_unread(process) && !is_killed(process)) {
        mp_delay_start(delay, object->loop, GRACE, on_grace);
        return;
    }
    process->given_up = true;
    mp_object_defer(object, MP_PROCESS_STEP_LOOK);
}

static void on_exit_event(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_process *process = watcher->data;
    mp_loop *loop = process->tcp.stream.object.loop;
    int ended = 1;
    if (revents & EV_ERROR) { /* its end can't be waited for */
        mp_process_signal(process, SIGKILL, true);
        mp_system_wait_and_reap(watcher->fd);
        process->how = (mp_exit){SIGKILL, true};
        process->given_up = true;
    } else {
        ended = mp_system_look_at_exit(watcher->fd, &process->how);
    }
    if (ended == 0)
        return;
    if (ended < 0) /* somebody else has learnt of it */
        process->how = (mp_exit){0, true};
    ev_io_stop(ev, watcher);
    process->exited = true;
    if (is_killed(process) && mp_process_is_unread(process))
        process->given_up = true;
    if (!mp_process_is_silent(process) && !process->given_up)
        mp_delay_start(&process->pipes->grace, loop, GRACE, on_grace);
    mp_object_defer(&process->tcp.stream.object, MP_PROCESS_STEP_LOOK);
    mp_loop_has_received(loop);
}

/* --- steps ---------------------------------------------------------------------------------------------- */

static void run(mp_process *process) {
    mp_stream *stream = &process->tcp.stream;
    assert(process->state == MP_PROCESS_STARTING && stream->watcher.fd >= 0);
    process->state = MP_PROCESS_IS_RUNNING;
    mp_object_emit(&stream->object, MP_SIGNAL_PROCESS_STATE, MP_PROCESS_IS_RUNNING);
    mp_object_emit(&stream->object, MP_SIGNAL_STARTED, 0);
    mp_object_defer(&stream->object, STEP_ANNOUNCED);
    ev_io_init(&process->pipes->exit, on_exit_event, stream->watcher.fd, EV_READ);
    process->pipes->exit.data = process;
    mp_loop_watch(stream->object.loop, &process->pipes->exit);
    mp_process_watch(process);
}

static void step(mp_object *object, int number) {
    mp_process *process = (mp_process *)object;
    bool running = process->state == MP_PROCESS_IS_RUNNING;
    switch (number) {
    case MP_PROCESS_STEP_RUNNING:
        if (process->state == MP_PROCESS_STARTING)
            run(process);
        break;
    case MP_PROCESS_STEP_LOOK:
        if (running && process->exited && (process->given_up || mp_process_is_silent(process)))
            finish(process);
        break;
    case MP_PROCESS_STEP_GONE:
        if (process->state == MP_PROCESS_NOT_RUNNING)
            process->pid = 0;
        break;
    default: mp_tcp_socket_step(object, number);
    }
}

/* --- the class ------------------------------------------------------------------------------------------ */

static bool is_active(const mp_object *object) {
    return ((const mp_process *)object)->state != MP_PROCESS_NOT_RUNNING;
}

/* The host stops: the process is asked to end. One that is stopped learns of it only when it goes on. */
static void wind_down(mp_object *object) {
    mp_process *process = (mp_process *)object;
    (void)mp_stream_finish_writing(&process->tcp.stream);
    mp_process_signal(process, SIGTERM, true);
    mp_process_signal(process, SIGCONT, true);
}

/* It takes nothing more, but may go on writing. */
static void input_failed(mp_process *process) {
    mp_stream *stream = &process->tcp.stream;
    mp_process_close_pipe(process, &process->pipes->input);
    stream->fault = MP_FAULT_PROCESS_WRITE;
    mp_object_emit(&stream->object, MP_SIGNAL_ERROR_OCCURRED, MP_FAULT_PROCESS_WRITE);
    if (!mp_stream_is_piped(stream))
        mp_stream_leave_mover(stream, MP_FAULT_PROCESS_WRITE);
}

/* A process whose output can't be taken is killed. */
static void ended(mp_stream *stream, enum mp_fault fault, bool orderly) {
    mp_process *process = mp_process_of(stream);
    if (fault == MP_FAULT_PROCESS_WRITE && process->pipes->input.fd >= 0) {
        input_failed(process);
        return;
    }
    stream->flags |= FLAG_READ_ENDED;
    mp_process_watch(process);
    if (!orderly && fault != MP_FAULT_PROCESS_WRITE) {
        stream->fault = (uint8_t)fault;
        mp_object_emit(&stream->object, MP_SIGNAL_ERROR_OCCURRED, fault);
        mp_process_signal(process, SIGKILL, true);
        process->given_up = true;
    }
    if (!(stream->flags & FLAG_FINISHED_TOLD))
        mp_object_emit(&stream->object, MP_SIGNAL_READ_CHANNEL_FINISHED, 0);
    stream->flags |= FLAG_FINISHED_TOLD;
    if (mp_stream_is_piped(stream))
        mp_stream_mover(stream)->kind->ended(mp_stream_mover(stream), stream);
}

/* Nobody wants it any more. */
static void end(mp_stream *stream, bool device) {
    mp_process *process = mp_process_of(stream);
    mp_stream_leave_mover(stream, MP_FAULT_PROCESS_NOT_RUNNING);
    if (device)
        mp_stream_close_device(stream);
    if (process->state != MP_PROCESS_NOT_RUNNING) {
        mp_process_signal(process, SIGKILL, true);
        process->given_up = true;
        stream->extras->carrier.offered = 0;
        mp_stream_drop_output(stream);
        mp_object_defer(&stream->object, MP_PROCESS_STEP_LOOK);
    }
    mp_object_check(&stream->object);
}

static enum mp_fault own_fault(const mp_stream *stream, enum mp_fault fault) {
    bool runs = ((const mp_process *)(const void *)stream)->state != MP_PROCESS_NOT_RUNNING;
    switch (fault) {
    case MP_FAULT_NONE: return MP_FAULT_PROCESS_NONE;
    case MP_FAULT_NOT_CONNECTED: return runs ? MP_FAULT_PROCESS_WRITE : MP_FAULT_PROCESS_NOT_RUNNING;
    case MP_FAULT_REMOTE_CLOSED: return MP_FAULT_OUTPUT_ENDED;
    case MP_FAULT_WAIT_TIMEOUT: return MP_FAULT_PROCESS_TIMED_OUT;
    default: return fault;
    }
}

static void dropped(mp_stream *stream) {
    mp_process_drop_other(mp_process_of(stream));
}

const mp_stream_class mp_process_class = {
    .behaviour = {MP_PROCESS, is_active, step, NULL, wind_down},
    .extras_size = sizeof(mp_tcp_extras),
    .leave = mp_tcp_socket_leave,
    .remember = mp_tcp_socket_remember,
    .forget = mp_tcp_socket_forget,
    .free_extras = mp_tcp_socket_free_extras,
    .dropped = dropped,
    .ended = ended,
    .end = end,
    .own_fault = own_fault,
};

/* --- life ----------------------------------------------------------------------------------------------- */

int mp_process_init(mp_process *process, mp_network *network) {
    memset(process, 0, sizeof *process);
    mp_tcp_socket_init_as(&process->tcp, network, &mp_process_class);
    mp_limits *limits = mp_stream_own_limits(&process->tcp.stream);
    if (!limits || mp_process_init_pipes(process) < 0)
        return -ENOMEM;
    /* A filter reads nothing more while nobody reads what it writes. */
    limits->high_water_mark = 0;
    limits->half_open = true;
    return 0;
}

void mp_process_destroy(mp_process *process) {
    mp_stream *stream = &process->tcp.stream;
    mp_network *network = mp_stream_network(stream);
    if (process->state != MP_PROCESS_NOT_RUNNING) {
        mp_process_signal(process, SIGKILL, true);
        mp_reaper_take(network, stream->watcher.fd);
        network->processes--;
        process->state = MP_PROCESS_NOT_RUNNING;
    }
    if (process->pipes) {
        mp_delay_stop(&process->pipes->grace, &network->loop);
        ev_io_stop(network->loop.ev, &process->pipes->exit);
        mp_process_drop_other(process);
    }
    mp_stream_destroy(stream);
    free(process->pipes);
    process->pipes = NULL;
}

/* --- what scripts do ------------------------------------------------------------------------------------ */

enum mp_fault mp_process_start_program(mp_process *process, mp_process_start *start) {
    mp_stream *stream = &process->tcp.stream;
    mp_object *object = &stream->object;
    if (process->state != MP_PROCESS_NOT_RUNNING)
        return MP_FAULT_PROCESS_RUNNING;
    mp_process_drop_other(process);
    enum mp_fault fault = mp_process_begin(process, start);
    if (fault != MP_FAULT_NO_PROGRAM)
        mp_object_emit(object, MP_SIGNAL_PROCESS_STATE, MP_PROCESS_STARTING);
    if (fault == MP_FAULT_NONE) {
        mp_object_defer(object, MP_PROCESS_STEP_RUNNING);
        return MP_FAULT_NONE;
    }
    stream->fault = (uint8_t)fault;
    if (fault != MP_FAULT_NO_PROGRAM)
        mp_object_emit(object, MP_SIGNAL_PROCESS_STATE, MP_PROCESS_NOT_RUNNING);
    mp_object_emit(object, MP_SIGNAL_ERROR_OCCURRED, fault);
    mp_object_check(object);
    return fault;
}

void mp_process_signal(mp_process *process, int number, bool group) {
    int fd = process->tcp.stream.watcher.fd;
    if (process->state == MP_PROCESS_NOT_RUNNING)
        return;
    process->sent |= bit_of(number);
    if (group && process->own_group)
        (void)mp_system_signal_group(process->pid, fd, number);
    else if (!process->exited)
        (void)mp_system_signal_process(fd, number);
}

int mp_process_set_channel(mp_process *process, enum mp_process_channel channel) {
    mp_stream *stream = &process->tcp.stream;
    mp_channel *old = &process->pipes->channels[process->current], *new = &process->pipes->channels[channel];
    assert(channel < MP_CHANNELS);
    if (old == new)
        return 0;
    if (stream->flags & FLAG_TRANSACTION || stream->open_mode & MP_MOVED)
        return -EBUSY;
    mp_stream_keep_arrival(stream);
    if ((stream->flags & FLAG_ARRIVED) || !mp_stream_keep_rest(stream))
        return -ENOMEM;
    old->told = stream->flags & FLAG_FINISHED_TOLD;
    old->full = !mp_stream_has_room(stream);
    old->in = stream->in;
    stream->in = new->in;
    new->in = NULL;
    process->current = (uint8_t)channel;
    stream->flags &= ALL_BUT(FLAG_READ_ENDED | FLAG_FINISHED_TOLD | FLAG_READ_FULL | FLAG_TOO_LONG);
    stream->flags |= (new->ended ? FLAG_READ_ENDED : 0) | (new->told ? FLAG_FINISHED_TOLD : 0) |
                     (mp_stream_has_room(stream) ? 0 : FLAG_READ_FULL);
    mp_process_watch(process);
    return 0;
}

void mp_process_close_channel(mp_process *process, enum mp_process_channel channel) {
    mp_stream *stream = &process->tcp.stream;
    assert(channel < MP_CHANNELS);
    process->pipes->channels[channel].dropped = true;
    if (channel == process->current) {
        if (stream->flags & FLAG_ARRIVED)
            mp_stream_drop_arrival(stream);
        mp_stream_drop_input(stream);
        mp_stream_hear(stream, FLAG_READ_FULL);
    } else {
        mp_process_drop_other(process);
        mp_process_watch(process);
    }
}

void mp_process_apply_limits(mp_process *process) {
    const mp_stream *stream = &process->tcp.stream;
    mp_channel *other = &process->pipes->channels[!process->current];
    size_t limit = mp_stream_limits(stream)->read_buffer;
    other->full = limit > 0 && mp_buffer_held(other->in) >= limit;
    mp_process_watch(process);
}
