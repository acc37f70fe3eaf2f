/*
 * Traces; see trace.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/trace.h"

#include "net/stream_transport.h"
#include "system/system.h"

static mp_trace **place_of(const mp_stream *stream) {
    mp_trace **place = &mp_stream_network(stream)->traces;
    while (*place && (*place)->stream != stream)
        place = &(*place)->next;
    return place;
}

static mp_transport_result receive(mp_stream *stream, void *data, size_t size) {
    mp_trace *trace = *place_of(stream);
    mp_transport_result result = trace->wrapped ? trace->wrapped->receive(stream, data, size)
                                                : mp_transport_result_of(
                                                      MP_ATTEMPT_READ, mp_system_receive(stream->watcher.fd,
                                                                                         data, size, false));
    if (result.outcome == MP_TRANSPORT_BYTES && result.n > 0)
        trace->moved(trace, false, data, (size_t)result.n);
    return result;
}

static mp_transport_result send_plain(mp_stream *stream, const struct iovec *vectors, int count) {
    if (count == 0)
        return (mp_transport_result){.outcome = MP_TRANSPORT_BYTES};
    return mp_transport_result_of(MP_ATTEMPT_WRITE,
                                  mp_system_send_vectors(stream->watcher.fd, vectors, count, false));
}

static mp_transport_result send_vectors(mp_stream *stream, const struct iovec *vectors, int count) {
    mp_trace *trace = *place_of(stream);
    mp_transport_result result = trace->wrapped ? trace->wrapped->send(stream, vectors, count)
                                                : send_plain(stream, vectors, count);
    size_t left = result.outcome == MP_TRANSPORT_BYTES && result.n > 0 ? (size_t)result.n : 0;
    for (int i = 0; i < count && left > 0; i++) {
        size_t size = vectors[i].iov_len < left ? vectors[i].iov_len : left;
        trace->moved(trace, true, vectors[i].iov_base, size);
        left -= size;
    }
    return result;
}

static void forget(mp_trace *trace) {
    *place_of(trace->stream) = trace->next;
    trace->stream = NULL;
}

/* The connection ends. */
static void release(mp_stream *stream) {
    mp_trace *trace = *place_of(stream);
    const mp_transport *wrapped = trace->wrapped;
    forget(trace);
    if (wrapped && wrapped->release)
        wrapped->release(stream);
    trace->ended(trace);
}

const char *mp_trace_start(mp_trace *trace, mp_stream *stream) {
    bool is_plain = mp_stream_is_plain(stream);
    if (*place_of(stream))
        return "somebody traces it already";
    if (stream->watcher.fd < 0 || mp_stream_is_connecting(stream))
        return "it is not connected";
    if (stream->open_mode & MP_MOVED)
        return "a pipe or a file moves its bytes";
    if ((stream->flags & FLAG_PIPE) ||
        (is_plain && mp_kind_is(stream->object.behaviour->kind, MP_SSL_SOCKET)))
        return "its encryption has not begun, or it is no socket";
    trace->wrapped = mp_stream_transport(stream);
    trace->table = trace->wrapped ? *trace->wrapped : (mp_transport){.name = "traced"};
    trace->table.receive = receive;
    trace->table.send = send_vectors;
    trace->table.release = release;
    if (is_plain && mp_stream_set_plain_transport(stream, &trace->table) < 0)
        return "out of memory";
    stream->extras->carrier.transport = &trace->table;
    trace->stream = stream;
    trace->next = mp_stream_network(stream)->traces;
    mp_stream_network(stream)->traces = trace;
    return NULL;
}

void mp_trace_stop(mp_trace *trace) {
    mp_stream *stream = trace->stream;
    if (!stream)
        return;
    forget(trace);
    if (trace->wrapped) {
        stream->extras->carrier.transport = trace->wrapped;
        return;
    }
    trace->table.release = NULL;
    mp_stream_release_carrier(stream);
    mp_stream_update_watcher(stream);
}

void mp_trace_give_way(mp_stream *stream) {
    mp_trace *trace = *place_of(stream);
    if (!trace || trace->wrapped)
        return;
    mp_trace_stop(trace);
    trace->ended(trace);
}
