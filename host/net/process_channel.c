/*
 * The pipes of a process: a transport for its stream, and the channel beside it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdlib.h>

#include "net/descriptor.h"
#include "net/overload.h"
#include "net/process_state.h"
#include "net/stream.h"
#include "net/stream_input.h"
#include "system/system.h"

static mp_process *process_of(const ev_io *watcher) {
    return watcher->data;
}

static bool is_current(const mp_process *process, const mp_channel *channel) {
    return channel == &process->pipes->channels[process->current];
}

/* --- watching ------------------------------------------------------------------------------------------- */

static void watch(mp_process *process, ev_io *watcher, int events) {
    mp_loop *loop = process->tcp.stream.object.loop;
    bool wanted = watcher->fd >= 0 && events != 0;
    if (ev_is_active(watcher) == wanted)
        return;
    if (wanted)
        mp_loop_watch(loop, watcher);
    else
        ev_io_stop(loop->ev, watcher);
}

/* The transport's: `events` are those of the stream. */
static void watch_stream(mp_stream *stream, int events) {
    mp_process *process = mp_process_of(stream);
    if (process->state != MP_PROCESS_IS_RUNNING)
        return;
    watch(process, &process->pipes->input, events & EV_WRITE);
    for (int i = 0; i < MP_CHANNELS; i++) {
        mp_channel *channel = &process->pipes->channels[i];
        bool other = !channel->ended && !channel->full && !stream->paused;
        watch(process, &channel->watcher, is_current(process, channel) ? events & EV_READ : other);
    }
}

void mp_process_watch(mp_process *process) {
    mp_stream_update_watcher(&process->tcp.stream);
}

void mp_process_close_pipe(mp_process *process, ev_io *watcher) {
    mp_network *network = mp_stream_network(&process->tcp.stream);
    int fd = watcher->fd;
    if (fd < 0)
        return;
    ev_io_stop(network->loop.ev, watcher);
    ev_io_set(watcher, -1, watcher->events & (EV_READ | EV_WRITE));
    mp_descriptor_close(network, fd);
}

void mp_process_close_pipes(mp_process *process) {
    mp_process_close_pipe(process, &process->pipes->input);
    for (int i = 0; i < MP_CHANNELS; i++) {
        mp_process_close_pipe(process, &process->pipes->channels[i].watcher);
        process->pipes->channels[i].ended = true;
    }
}

/* --- output of the process ------------------------------------------------------------------------------ */

static void note_end(mp_process *process, mp_channel *channel) {
    channel->ended = true;
    mp_process_close_pipe(process, &channel->watcher);
    mp_object_defer(&process->tcp.stream.object, MP_PROCESS_STEP_LOOK);
}

/* There is something to read: its signals come after readyRead. */
static void tell(mp_process *process, const mp_channel *channel) {
    mp_object *object = &process->tcp.stream.object;
    int number = (int)(channel - process->pipes->channels);
    enum mp_signal own = number == MP_STANDARD_OUTPUT ? MP_SIGNAL_OUTPUT_READY : MP_SIGNAL_ERROR_READY;
    if (mp_loop_wants(object, MP_SIGNAL_CHANNEL_READY))
        mp_object_emit(object, MP_SIGNAL_CHANNEL_READY, number);
    if (mp_loop_wants(object, own))
        mp_object_emit(object, own, 0);
}

static mp_transport_result receive(mp_stream *stream, void *data, size_t size) {
    mp_process *process = mp_process_of(stream);
    mp_channel *channel = &process->pipes->channels[process->current];
    if (channel->ended)
        return (mp_transport_result){.outcome = MP_TRANSPORT_END};
    ssize_t n = mp_system_receive(channel->watcher.fd, data, size, true);
    mp_transport_result result = mp_transport_result_of(MP_ATTEMPT_READ, n);
    if (result.outcome == MP_TRANSPORT_BROKEN)
        result.fault = MP_FAULT_PROCESS_READ;
    if (result.outcome == MP_TRANSPORT_END || result.outcome == MP_TRANSPORT_BROKEN)
        note_end(process, channel);
    if (result.outcome != MP_TRANSPORT_BYTES)
        return result;
    if (channel->dropped)
        return (mp_transport_result){.outcome = MP_TRANSPORT_AGAIN};
    tell(process, channel);
    return result;
}

/* Bytes of the channel beside: they wait for their reader. */
static void keep(mp_process *process, mp_channel *channel, const char *data, size_t size, size_t limit) {
    mp_stream *stream = &process->tcp.stream;
    mp_stream_network(stream)->traffic.bytes_read += size;
    if (channel->dropped || stream->open_mode == MP_NOT_OPEN)
        return;
    size_t before = mp_buffer_memory(channel->in);
    int result = mp_buffer_append(&channel->in, data, size);
    mp_overload_count(mp_stream_network(stream), before, mp_buffer_memory(channel->in));
    if (result < 0) {
        mp_stream_fail(stream, MP_FAULT_RESOURCE);
        return;
    }
    tell(process, channel);
    if (limit > 0 && mp_buffer_held(channel->in) >= limit) {
        channel->full = true;
        mp_process_watch(process);
    }
}

static void receive_beside(mp_process *process, mp_channel *channel) {
    mp_network *network = mp_stream_network(&process->tcp.stream);
    size_t limit = mp_stream_limits(&process->tcp.stream)->read_buffer, held = mp_buffer_held(channel->in);
    size_t size = network->input->capacity - network->input_used;
    char *data = network->input->data + network->input_used;
    if (limit > 0 && limit - held < size) /* it isn't full */
        size = limit - held;
    ssize_t n = mp_system_receive(channel->watcher.fd, data, size, true);
    if (n > 0)
        keep(process, channel, data, (size_t)n, limit);
    else if (n != -EAGAIN && n != -EWOULDBLOCK)
        note_end(process, channel);
}

/* --- events --------------------------------------------------------------------------------------------- */

/* Of any of the pipes. */
static void on_event(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_process *process = process_of(watcher);
    mp_stream *stream = &process->tcp.stream;
    mp_channel *channel = NULL;
    for (int i = 0; i < MP_CHANNELS; i++)
        if (watcher == &process->pipes->channels[i].watcher)
            channel = &process->pipes->channels[i];
    if (revents & EV_ERROR)
        mp_stream_fail(stream, MP_FAULT_RESOURCE);
    else if (channel && !is_current(process, channel))
        receive_beside(process, channel);
    else
        ev_feed_event(ev, &stream->watcher, EV_READ); /* it tries both directions */
    mp_loop_has_received(stream->object.loop);
}

/* --- input of the process ------------------------------------------------------------------------------- */

static mp_transport_result send_vectors(mp_stream *stream, const struct iovec *vectors, int count) {
    mp_process *process = mp_process_of(stream);
    if (count == 0)
        return (mp_transport_result){.outcome = MP_TRANSPORT_BYTES};
    ssize_t n = process->pipes->input.fd < 0
                    ? -EPIPE
                    : mp_system_send_vectors(process->pipes->input.fd, vectors, count, true);
    mp_transport_result result = mp_transport_result_of(MP_ATTEMPT_WRITE, n);
    if (result.outcome == MP_TRANSPORT_BROKEN)
        result.fault = MP_FAULT_PROCESS_WRITE;
    return result;
}

/* Everything is sent: the end of its input. */
static mp_transport_result goodbye(mp_stream *stream) {
    mp_process *process = mp_process_of(stream);
    mp_process_close_pipe(process, &process->pipes->input);
    return (mp_transport_result){.outcome = MP_TRANSPORT_BYTES};
}

static void release(mp_stream *stream) {
    mp_process_close_pipes(mp_process_of(stream));
}

const mp_transport mp_transport_process = {.name = "process",
                                           .receive = receive,
                                           .send = send_vectors,
                                           .goodbye = goodbye,
                                           .release = release,
                                           .watch = watch_stream};

/* --- for process.c -------------------------------------------------------------------------------------- */

int mp_process_init_pipes(mp_process *process) {
    mp_process_pipes *pipes = calloc(1, sizeof *pipes);
    if (!pipes)
        return -ENOMEM;
    process->pipes = pipes;
    pipes->process = process;
    ev_io_init(&pipes->input, on_event, -1, EV_WRITE);
    pipes->input.data = process;
    for (int i = 0; i < MP_CHANNELS; i++) {
        ev_io_init(&pipes->channels[i].watcher, on_event, -1, EV_READ);
        pipes->channels[i].watcher.data = process;
        pipes->channels[i].ended = true;
    }
    return 0;
}

bool mp_process_is_silent(const mp_process *process) {
    return process->pipes->channels[0].ended && process->pipes->channels[1].ended;
}

bool mp_process_is_unread(const mp_process *process) {
    const mp_stream *stream = &process->tcp.stream;
    for (int i = 0; i < MP_CHANNELS; i++) {
        const mp_channel *channel = &process->pipes->channels[i];
        bool deaf = is_current(process, channel) ? (stream->flags & FLAG_READ_FULL) != 0 : channel->full;
        if (!channel->ended && (deaf || stream->paused))
            return true;
    }
    return false;
}

void mp_process_drop_other(mp_process *process) {
    mp_channel *other = &process->pipes->channels[!process->current];
    mp_overload_count(mp_stream_network(&process->tcp.stream), mp_buffer_memory(other->in), 0);
    free(other->in);
    other->in = NULL;
    other->full = false;
}
