/*
 * The state of streams; see stream_state.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/stream_state.h"

#include <stdlib.h>
#include <string.h>

#include "net/listener.h"
#include "net/overload.h"

const mp_limits mp_default_limits = {
    .read_buffer = 16 << 20,
    .write_buffer = 16 << 20,
    .high_water_mark = 1 << 20,
};

mp_stream_extras *mp_stream_need_extras(mp_stream *stream) {
    if (!stream->extras) {
        stream->extras = calloc(1, mp_stream_class_of(stream)->extras_size);
        if (stream->extras)
            stream->extras->stream = stream;
    }
    return stream->extras;
}

/* A transport and own limits, which have flags, are in the extras. */
static bool has_sound_extras(const mp_stream *stream) {
    uint32_t flags = stream->flags;
    const mp_stream_extras *extras = stream->extras;
    if (!(stream->open_mode & MP_MOVED) != !mp_stream_mover(stream))
        return false;
    if (!extras)
        return !(flags & (FLAG_OWN_LIMITS | FLAG_CARRIED));
    return flags & FLAG_CARRIED ? extras->carrier.transport && !(flags & FLAG_PIPE)
                                : !extras->carrier.transport && !extras->carrier.soon.next;
}

bool mp_stream_is_sound(const mp_stream *stream) {
    uint32_t flags = stream->flags;
    const mp_network *network = mp_stream_network(stream);
    bool has_descriptor = stream->watcher.fd >= 0;
    bool connected = stream->state == MP_STATE_CONNECTED || stream->state == MP_STATE_CLOSING;
    return (has_descriptor || (!connected && !ev_is_active(&stream->watcher) && !(flags & FLAG_ARRIVED))) &&
           (connected || (stream->phase == PHASE_OPEN && !(flags & (FLAG_COUNTED | FLAG_CONGESTED)))) &&
           ((stream->out.bytes == 0) == (stream->out.tail == NULL)) &&
           (stream->out.bytes == 0 || connected || mp_stream_is_connecting(stream)) &&
           has_sound_extras(stream) && (!(flags & FLAG_PENDING) || stream->listener) &&
           mp_buffer_is_sound(stream->in) &&
           (!stream->in || stream->in != network->input || network->receiver == stream);
}

void mp_stream_set_state(mp_stream *stream, enum mp_socket_state state) {
    stream->state = state & 7;
    mp_object_emit(&stream->object, MP_SIGNAL_STATE_CHANGED, (intptr_t)state);
}

/* What a stream with a transport waits for: receiving and sending may each wait for the other direction. */
static int carried_events(const mp_stream *stream, bool reads, bool writes) {
    const mp_carrier *carrier = &stream->extras->carrier;
    assert(carrier->transport);
    int events = stream->flags & FLAG_WRITE_FAILED ? 0 : carrier->beside;
    if (carrier->suspended || carrier->stage == CARRIER_GONE ||
        (stream->state != MP_STATE_CONNECTED && stream->state != MP_STATE_CLOSING))
        return 0;
    if (carrier->stage == CARRIER_HANDSHAKING)
        return events | (carrier->receive_waits ? carrier->receive_waits : EV_READ);
    if (reads)
        events |= carrier->receive_waits ? carrier->receive_waits : EV_READ;
    if (writes || carrier->goodbye == GOODBYE_BEGUN)
        events |= carrier->send_waits ? carrier->send_waits : EV_WRITE;
    return events;
}

void mp_stream_update_watcher(mp_stream *stream) {
    if (stream->watcher.fd < 0)
        return;
    bool reads = stream->state == MP_STATE_CONNECTED && !mp_stream_is_deaf(stream);
    /* A congested stream would be ready all the time. */
    bool writes = (stream->flags & (FLAG_SHORT_WRITE | FLAG_CONGESTED)) == FLAG_SHORT_WRITE;
    int events = stream->flags & FLAG_CARRIED ? carried_events(stream, reads, writes)
                                              : (reads ? EV_READ : 0) | (writes ? EV_WRITE : 0);
    if ((stream->flags & FLAG_CARRIED) && stream->extras->carrier.transport->watch) {
        stream->extras->carrier.transport->watch(stream, events);
        return;
    }
    if ((stream->watcher.events & (EV_READ | EV_WRITE)) == events &&
        ev_is_active(&stream->watcher) == (events != 0))
        return;
    if ((stream->flags & FLAG_CARRIED) && ev_is_pending(&stream->watcher))
        mp_stream_call_soon(stream); /* libev forgets the call */
    ev_io_stop(stream->object.loop->ev, &stream->watcher);
    ev_io_set(&stream->watcher, stream->watcher.fd, events);
    if (events)
        mp_loop_watch(stream->object.loop, &stream->watcher);
}

bool mp_stream_is_deaf(const mp_stream *stream) {
    size_t share = mp_stream_network(stream)->overload.share;
    return (stream->flags & DEAF) || stream->paused || (share != SIZE_MAX && mp_stream_held(stream) > share);
}

void mp_stream_reconsider(mp_stream *stream) {
    mp_stream_update_watcher(stream);
    if (stream->flags & FLAG_CARRIED)
        mp_stream_hear_pending(stream);
}

void mp_stream_hear(mp_stream *stream, uint32_t flags) {
    assert((flags & ~(uint32_t)DEAF) == 0);
    if (!(stream->flags & flags))
        return;
    stream->flags &= ALL_BUT(flags);
    if (flags & FLAG_READ_FULL)
        stream->flags &= ALL_BUT(FLAG_TOO_LONG);
    mp_stream_reconsider(stream);
}

const mp_limits *mp_stream_limits(const mp_stream *stream) {
    if (stream->flags & FLAG_OWN_LIMITS)
        return &stream->extras->limits;
    return stream->listener ? &stream->listener->limits : &mp_default_limits;
}

/* Not while errorOccurred is signalled for the end and the state is still Connected: a handler that waits
   again as long as the stream is Connected would never let the state change. */
bool mp_stream_at_end(const mp_stream *stream) {
    bool closing = stream->state == MP_STATE_CONNECTED && stream->phase != PHASE_OPEN;
    return ((stream->flags & FLAG_READ_ENDED) && !closing) ||
           (stream->state != MP_STATE_CONNECTED && !mp_stream_is_connecting(stream));
}

bool mp_stream_is_receiving(const mp_stream *stream) {
    return stream->state == MP_STATE_CONNECTED ||
           (stream->state == MP_STATE_CLOSING && stream->phase != PHASE_LOCAL_CLOSE);
}

enum mp_fault mp_stream_end_fault(const mp_stream *stream) {
    switch (stream->fault) {
    case MP_FAULT_NONE:
    case MP_FAULT_WAIT_TIMEOUT:
    case MP_FAULT_UNFINISHED:
    case MP_FAULT_READ_BUFFER_FULL:
    case MP_FAULT_INVALID_DESCRIPTOR:
    case MP_FAULT_PROCESS_WRITE:
    case MP_FAULT_BUSY: break;
    default: return stream->fault;
    }
    /* For a reader, a half-open connection is over, although nothing failed; so is a process that
       has run. */
    bool open = stream->state != MP_STATE_UNCONNECTED ||
                (mp_stream_class_of(stream)->ended && mp_stream_was_connected(stream));
    return open && mp_stream_read_ended(stream) ? MP_FAULT_REMOTE_CLOSED : MP_FAULT_NOT_CONNECTED;
}

bool mp_stream_connect_failed(const mp_stream *stream) {
    return stream->state == MP_STATE_UNCONNECTED && stream->fault != MP_FAULT_NONE &&
           !(stream->flags & FLAG_FINISHED_TOLD);
}

mp_tcp_server *mp_stream_server(const mp_stream *stream) {
    return stream->listener ? stream->listener->server : NULL;
}

const char *mp_stream_fault_text(const mp_stream *stream) {
    const mp_stream_extras *extras = stream->extras;
    bool own = extras && extras->fault_text && extras->fault == stream->fault;
    return own ? extras->fault_text : mp_fault_text(stream->fault);
}

void mp_stream_clear_fault(mp_stream *stream) {
    stream->fault = MP_FAULT_NONE;
    if (!stream->extras)
        return;
    free(stream->extras->fault_text);
    stream->extras->fault_text = NULL;
}

void mp_stream_call_soon(mp_stream *stream) {
    mp_network *network = mp_stream_network(stream);
    assert((stream->flags & FLAG_CARRIED) && stream->watcher.fd >= 0);
    if (stream->extras->carrier.soon.next)
        return;
    mp_ring_append(&network->soon, &stream->extras->carrier.soon);
    ev_idle_start(network->loop.ev, &network->at_soon);
}

void mp_stream_hear_pending(mp_stream *stream) {
    const mp_carrier *carrier = &stream->extras->carrier;
    if (stream->watcher.fd >= 0 && !mp_stream_is_deaf(stream) && mp_stream_is_carrying(stream) &&
        carrier->receive_waits == 0 && carrier->transport->has_pending &&
        carrier->transport->has_pending(stream))
        mp_stream_call_soon(stream);
}

void mp_stream_call_those(struct ev_loop *ev, ev_idle *watcher, int revents) {
    mp_network *network = watcher->data;
    (void)revents;
    ev_idle_stop(ev, watcher);
    while (!mp_ring_is_empty(&network->soon)) {
        mp_stream_extras *extras = MP_CONTAINER(network->soon.next, mp_stream_extras, carrier.soon);
        mp_ring_remove(&extras->carrier.soon);
        ev_feed_event(ev, &extras->stream->watcher, EV_READ);
    }
}

void mp_stream_end_carrier(mp_stream *stream) {
    if (!(stream->flags & FLAG_CARRIED))
        return;
    stream->extras->carrier.stage = CARRIER_GONE;
    stream->flags |= FLAG_WRITE_FAILED;
    mp_stream_update_watcher(stream);
}

/* Stores the text of a fault, which is lost with the transport. Without memory the table's text remains. */
static void keep_fault_text(mp_stream *stream, enum mp_fault fault) {
    mp_stream_extras *extras = stream->extras;
    const mp_transport *transport = extras->carrier.transport;
    const char *text = transport->fault_text ? transport->fault_text(stream) : NULL;
    free(extras->fault_text);
    extras->fault_text = text ? strdup(text) : NULL;
    extras->fault = (uint8_t)fault;
}

void mp_stream_note_carrier(mp_stream *stream, const mp_transport_result *result, uint8_t *waits) {
    if (!(stream->flags & FLAG_CARRIED))
        return;
    mp_carrier *carrier = &stream->extras->carrier;
    bool again = result->outcome == MP_TRANSPORT_AGAIN;
    *waits = again ? result->waits : 0;
    carrier->beside = result->wants;
    carrier->suspended = result->outcome == MP_TRANSPORT_SUSPENDED ||
                         result->outcome == MP_TRANSPORT_CONGESTED;
    if (result->outcome == MP_TRANSPORT_BROKEN || result->outcome == MP_TRANSPORT_TRUNCATED)
        keep_fault_text(stream, result->fault);
    carrier->told |= result->outcome == MP_TRANSPORT_BROKEN && result->told;
    mp_stream_update_watcher(stream);
}

size_t mp_stream_carrier_unsent(const mp_stream *stream) {
    const mp_transport *transport = stream->extras->carrier.transport;
    return transport->unsent && !(stream->flags & FLAG_WRITE_FAILED) ? transport->unsent(stream) : 0;
}

void mp_stream_release_carrier(mp_stream *stream) {
    if (!(stream->flags & FLAG_CARRIED))
        return;
    if (stream->extras->carrier.soon.next)
        mp_ring_remove(&stream->extras->carrier.soon);
    if (stream->extras->carrier.transport->release)
        stream->extras->carrier.transport->release(stream);
    stream->extras->carrier = (mp_carrier){0};
    stream->flags &= ALL_BUT(FLAG_CARRIED);
}
