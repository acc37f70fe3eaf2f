/*
 * Streams: life and events; see stream.h. The parts below return outcomes; this file decides what continues
 * and what ends (stream_close.h).
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/reserve.h"
#include "net/listener.h"
#include "net/stream_close.h"
#include "net/stream_input.h"
#include "net/stream_output.h"
#include "system/system.h"

/* --- sending -------------------------------------------------------------------------------------------- */

/* Whether somebody reads what arrives, to its end. */
static bool is_read(const mp_stream *stream) {
    const mp_mover *mover = stream->open_mode & MP_MOVED ? mp_stream_mover(stream) : NULL;
    return (stream->open_mode & MP_READ_ONLY) ||
           (mover && mover->kind->is_read && mover->kind->is_read(mover));
}

/* Nothing can be sent any more. If the peer ended the connection, its earlier bytes are still read, and then
   its end closes the stream. Otherwise no such end would come, so the stream closes now. */
static void write_failed(mp_stream *stream, enum mp_fault fault) {
    bool by_peer = fault == MP_FAULT_REMOTE_CLOSED || fault == MP_FAULT_CONNECT_TIMEOUT;
    stream->flags |= FLAG_WRITE_FAILED;
    mp_stream_drop_output(stream);
    stream->fault = (uint8_t)fault;
    if (!by_peer || stream->state != MP_STATE_CONNECTED || (stream->flags & FLAG_READ_ENDED) ||
        !is_read(stream))
        mp_stream_remote_closed(stream, fault, false);
}

/* True if there is something to send and the connection takes it. */
static bool can_send(const mp_stream *stream) {
    if (stream->watcher.fd < 0 || stream->state < MP_STATE_CONNECTED)
        return false;
    if (stream->flags & (FLAG_CARRIED | FLAG_CONGESTED))
        return !(stream->flags & (FLAG_CONGESTED | FLAG_WRITE_FAILED)) && mp_stream_is_carrying(stream) &&
               (mp_stream_unsent(stream) > 0 || stream->extras->carrier.beside != 0);
    return stream->out.bytes > 0;
}

/* Some output of a stream with extras was sent. True: that is for a pipe, which the script doesn't see. */
static bool note_sent(mp_stream *stream) {
    bool piped = mp_stream_is_piped(stream);
    mp_idle_moved(&stream->extras->idle, MP_IDLE_WRITE);
    mp_mover_sent(stream);
    return piped;
}

/* Returns the bytes sent. A send from the loop queues no signal that nobody wants: no handler can be attached
   before the delivery. */
static size_t flush(mp_stream *stream, bool from_loop) {
    size_t sent = 0;
    if (!can_send(stream))
        return 0;
    mp_part_result part = mp_stream_send(stream, &sent);
    if (part.outcome == MP_BROKEN)
        write_failed(stream, part.fault);
    if (stream->out.bytes > 0 || (stream->flags & (FLAG_SHORT_WRITE | FLAG_THROTTLED | FLAG_CARRIED)))
        mp_stream_balance(stream);
    if (stream->flags & FLAG_WRITE_CLOSED)
        mp_stream_end_writing(stream);
    if (sent > 0) {
        bool silent = stream->extras && note_sent(stream);
        if (!silent && (!from_loop || mp_loop_wants(&stream->object, MP_SIGNAL_BYTES_WRITTEN)))
            mp_object_emit(&stream->object, MP_SIGNAL_BYTES_WRITTEN, (intptr_t)sent);
    }
    /* By way of the queue: the last bytesWritten comes before the end. */
    if (stream->state == MP_STATE_CLOSING && mp_stream_unsent(stream) == 0)
        mp_object_defer(&stream->object, STEP_CLOSE);
    return sent;
}

bool mp_stream_flush(mp_stream *stream) {
    return flush(stream, false) > 0;
}

void mp_stream_send_all(mp_loop *loop) {
    mp_network *network = mp_network_of(loop);
    mp_stream *stream;
    while ((stream = mp_stream_next_dirty(network))) {
        /* `connected` comes first, and so does a close that was requested before it: ClosingState, then
           bytesWritten. */
        if (!(stream->flags & (FLAG_UNANNOUNCED | FLAG_CLOSE_CONNECTED)))
            (void)flush(stream, true);
        if (stream->out.bytes > 0 && mp_write_queue_own(&stream->out, &network->chunks) < 0)
            mp_stream_fail(stream, MP_FAULT_RESOURCE);
    }
    if (network->lends) {
        network->lends = false;
        network->upcalls->flushed(network);
    }
    loop->unsent = false;
}

/* --- receiving ------------------------------------------------------------------------------------------ */

/* The end came while receiving. */
static void input_ended(mp_stream *stream, mp_part_result part) {
    if (part.outcome == MP_BROKEN)
        mp_stream_remote_closed(stream, part.fault, false);
    else if (stream->flags & FLAG_WRITE_FAILED)
        mp_stream_remote_closed(stream, stream->fault, false);
    else
        mp_stream_remote_closed(stream, part.fault, true);
}

static inline void receive(mp_stream *stream) {
    mp_part_result part = mp_stream_receive(stream);
    if (part.outcome >= MP_END)
        input_ended(stream, part);
}

/* Makes the arrived bytes the stream's unread data. False: no handler may see them now. */
static bool hand_over(mp_stream *stream, const mp_arrival *arrival) {
    mp_network *network = mp_stream_network(stream);
    stream->bytes_read += arrival->size;
    network->traffic.bytes_read += arrival->size;
    if (!(stream->open_mode & MP_READ_ONLY)) {
        if (mp_stream_is_piped(stream))
            mp_mover_arrived(stream, network->input->data + arrival->start, arrival->size);
        else /* for tasks that wait; there is nothing to read */
            mp_object_emit(&stream->object, MP_SIGNAL_READY_READ, 0);
        return false;
    }
    if (mp_stream_take_arrival(stream, arrival->start, arrival->size))
        return true;
    mp_stream_fail(stream, MP_FAULT_RESOURCE);
    return false;
}

mp_stream *mp_stream_next_arrival(mp_network *network) {
    mp_stream *stream = network->receiver;
    if (stream && !mp_stream_keep_rest(stream))
        mp_stream_fail(stream, MP_FAULT_RESOURCE);
    while (network->delivered < network->arrival_count) {
        const mp_arrival *arrival = &network->arrivals[network->delivered++];
        stream = arrival->stream;
        if (!stream)
            continue;
        assert(stream->flags & FLAG_ARRIVED);
        stream->flags &= ALL_BUT(FLAG_ARRIVED);
        /* An earlier handler may have begun to close it. */
        if (stream->state == MP_STATE_CONNECTED && !(stream->flags & FLAG_READ_ENDED) &&
            hand_over(stream, arrival))
            return network->receiver = stream;
    }
    return network->receiver = NULL;
}

void mp_stream_run(mp_loop *loop) {
    mp_network *network = mp_network_of(loop);
    network->delivered = 0;
    network->upcalls->arrived(network);
    network->arrival_count = 0;
    network->input_used = MP_BUFFER_HEADROOM;
}

/* --- events --------------------------------------------------------------------------------------------- */

/* Until the handshake is done, nothing else moves. */
static void shake_hands(mp_stream *stream) {
    mp_carrier *carrier = &stream->extras->carrier;
    mp_transport_result result = carrier->transport->handshake
                                     ? carrier->transport->handshake(stream)
                                     : (mp_transport_result){.outcome = MP_TRANSPORT_BYTES};
    if (result.outcome == MP_TRANSPORT_BYTES)
        carrier->stage = CARRIER_OPEN;
    mp_stream_note_carrier(stream, &result, &carrier->receive_waits);
    switch (result.outcome) {
    case MP_TRANSPORT_CONGESTED: mp_stream_note_congestion(stream); return;
    case MP_TRANSPORT_AGAIN:
    case MP_TRANSPORT_SUSPENDED: return;
    case MP_TRANSPORT_BYTES: break;
    default: mp_stream_fail(stream, result.fault ? result.fault : MP_FAULT_REMOTE_CLOSED); return;
    }
    if (mp_stream_class_of(stream)->opened)
        mp_stream_class_of(stream)->opened(stream);
    if (stream->out.bytes > 0)
        mp_stream_mark_dirty(stream);
    mp_stream_end_writing(stream);
    if (stream->state == MP_STATE_CLOSING)
        mp_object_defer(&stream->object, STEP_CLOSE);
    if ((stream->flags & FLAG_CARRIED) && stream->watcher.fd >= 0)
        mp_stream_call_soon(stream); /* for what arrived together with it */
}

/* Either direction may wait for the other, so this tries both, whatever the descriptor is ready for. */
static void on_carried(mp_stream *stream) {
    const mp_carrier *carrier = &stream->extras->carrier;
    if (carrier->suspended || carrier->stage == CARRIER_GONE)
        return;
    if (carrier->stage == CARRIER_HANDSHAKING) {
        shake_hands(stream);
        return;
    }
    if (!mp_stream_is_deaf(stream))
        receive(stream);
    if (!(stream->flags & FLAG_CARRIED) || carrier->stage != CARRIER_OPEN)
        return;
    if (!(stream->flags & (FLAG_UNANNOUNCED | FLAG_CLOSE_CONNECTED)))
        (void)flush(stream, true);
    if ((stream->flags & FLAG_CARRIED) && carrier->goodbye == GOODBYE_BEGUN &&
        mp_stream_say_goodbye(stream)) {
        mp_stream_end_writing(stream);
        mp_object_defer(&stream->object, STEP_CLOSE);
    }
}

static void on_event(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_stream *stream = mp_stream_of_watcher(watcher);
    mp_network *network = mp_stream_network(stream);
    (void)ev;
    if (revents & EV_ERROR) { /* the poll can't watch it; libev has stopped the watcher */
        mp_stream_fail(stream, MP_FAULT_RESOURCE);
    } else if (stream->flags & FLAG_CARRIED) {
        on_carried(stream);
    } else {
        if (revents & EV_READ)
            receive(stream);
        if ((revents & EV_WRITE) && (stream->flags & FLAG_SHORT_WRITE))
            (void)flush(stream, true);
    }
    /* Last: after handlers have run, the stream may be destroyed. */
    if (mp_stream_is_batch_full(network))
        mp_loop_turn(&network->loop);
    else
        mp_loop_has_received(&network->loop);
}

/* --- steps ---------------------------------------------------------------------------------------------- */

bool mp_stream_is_active(const mp_object *object) {
    const mp_stream *stream = (const mp_stream *)object;
    return stream->state != MP_STATE_UNCONNECTED || stream->watcher.fd >= 0 || (stream->flags & FLAG_PENDING);
}

void mp_stream_announce(mp_stream *stream) {
    assert(stream->state == MP_STATE_CONNECTED);
    stream->flags |= FLAG_UNANNOUNCED;
    mp_stream_set_state(stream, MP_STATE_CONNECTED);
    if (mp_stream_class_of(stream)->announced)
        mp_stream_class_of(stream)->announced(stream);
    mp_object_defer(&stream->object, STEP_CONNECTED);
}

static void send_queued(mp_stream *stream) {
    if (stream->out.bytes > 0)
        mp_stream_mark_dirty(stream);
}

void mp_stream_step(mp_object *object, int number) {
    mp_stream *stream = (mp_stream *)object;
    assert(mp_stream_is_sound(stream));
    switch (number) {
    case STEP_CONNECTED:
        if (stream->state == MP_STATE_CONNECTED && (stream->flags & FLAG_UNANNOUNCED))
            mp_object_emit(object, MP_SIGNAL_CONNECTED, 0);
        mp_object_defer(object, STEP_ANNOUNCED);
        break;
    case STEP_ANNOUNCED:
        stream->flags &= ALL_BUT(FLAG_UNANNOUNCED);
        if (stream->state == MP_STATE_CONNECTED) {
            if (stream->flags & FLAG_CLOSE_CONNECTED)
                mp_object_defer(object, STEP_CLOSE_CONNECTED);
            mp_stream_end_writing(stream);
        }
        send_queued(stream);
        break;
    case STEP_CLOSE_CONNECTED:
        if (mp_stream_is_connecting(stream))
            break; /* a handler of `connected` has started another connect */
        stream->flags &= ALL_BUT(FLAG_CLOSE_CONNECTED);
        if (stream->state == MP_STATE_CONNECTED)
            mp_stream_disconnect(stream);
        send_queued(stream);
        break;
    case STEP_CLOSING:
        if (stream->state != MP_STATE_CONNECTED || stream->phase == PHASE_OPEN)
            break;
        mp_stream_set_state(stream, MP_STATE_CLOSING);
        mp_object_defer(object, STEP_CLOSE);
        break;
    case STEP_CLOSE: mp_stream_try_close(stream); break;
    case STEP_UNREAD: mp_stream_close_unread(stream); break;
    case STEP_FORGET:
        if (stream->flags & FLAG_FINAL)
            mp_stream_class_of(stream)->forget(stream);
        break;
    }
}

/* --- life ----------------------------------------------------------------------------------------------- */

void mp_stream_init(mp_stream *stream, mp_network *network, const mp_stream_class *stream_class) {
    memset(stream, 0, sizeof *stream);
    mp_object_init(&stream->object, &network->loop, &stream_class->behaviour);
    ev_io_init(&stream->watcher, on_event, -1, 0);
}

void mp_stream_destroy(mp_stream *stream) {
    mp_network *network = mp_stream_network(stream);
    mp_listener_remove(stream, true);
    mp_stream_shut(stream, false);
    mp_stream_detach(stream);
    mp_stream_unmark_dirty(stream);
    if (network->receiver == stream)
        network->receiver = NULL;
    mp_stream_drop_input(stream);
    if (stream->extras) {
        mp_stream_class_of(stream)->free_extras(stream->extras);
        free(stream->extras->fault_text);
        free(stream->extras);
        stream->extras = NULL;
    }
    stream->state = MP_STATE_UNCONNECTED;
    mp_object_destroy(&stream->object);
}

/* Bytes that wait in the system are not a silence of the peer: a turn receives only from some of the ready
   sockets, and from none that is paused. */
static void on_idle(mp_idle *idle) {
    mp_stream *stream = MP_CONTAINER(idle, mp_stream_extras, idle)->stream;
    bool reads = stream->paused || (ev_is_active(&stream->watcher) && (stream->watcher.events & EV_READ));
    if (reads && !(idle->ignores & MP_IDLE_READ) && mp_system_unread(stream->watcher.fd) > 0)
        mp_idle_touch(idle);
    else
        mp_stream_fail(stream, MP_FAULT_IDLE_TIMEOUT);
}

int mp_stream_watch_idle(mp_stream *stream) {
    double msec = mp_stream_limits(stream)->idle_timeout;
    if (msec > 0 && (!mp_reserve_is_whole() || !mp_stream_need_extras(stream)))
        return -ENOMEM;
    if (msec > 0) {
        mp_idle_watch(&stream->extras->idle, stream->object.loop, msec, on_idle);
        stream->extras->idle.ignores = mp_stream_limits(stream)->idle_ignores;
    } else if (stream->extras) {
        mp_idle_unwatch(&stream->extras->idle);
    }
    return 0;
}

bool mp_stream_establish(mp_stream *stream, int fd) {
    mp_network *network = mp_stream_network(stream);
    assert(fd >= 0 && stream->state == MP_STATE_CONNECTED && !stream->link.next == !stream->listener &&
           !(stream->flags & (FLAG_COUNTED | FLAG_ARRIVED)));
    stream->flags &= KEPT_OVER_ESTABLISH;
    stream->flags |= FLAG_COUNTED | FLAG_WAS_CONNECTED;
    stream->phase = PHASE_OPEN;
    network->traffic.connections++;
    uint64_t number = ++network->last_number;
    stream->watcher.data = (void *)(uintptr_t)(number << 32 |
                                               (uint32_t)(mp_loop_turn_time(&network->loop) / 1e3));
    if (!stream->listener)
        mp_ring_append(&network->outgoing, &stream->link);
    ev_io_stop(network->loop.ev, &stream->watcher);
    ev_io_set(&stream->watcher, fd, EV_READ);
    mp_loop_watch(&network->loop, &stream->watcher);
    if (stream->paused)
        mp_stream_update_watcher(stream);
    if (stream->flags & FLAG_CARRIED)
        mp_stream_call_soon(stream); /* our side may have to start the handshake */
    if (mp_stream_watch_idle(stream) < 0)
        mp_stream_fail(stream, MP_FAULT_RESOURCE);
    return stream->state == MP_STATE_CONNECTED;
}

void mp_stream_accepted(mp_stream *stream, mp_listener *listener, int fd) {
    stream->listener = listener;
    stream->open_mode = MP_READ_WRITE;
    stream->state = MP_STATE_CONNECTED;
    if (!stream->entering)
        stream->flags |= FLAG_PENDING;
    (void)mp_stream_establish(stream, fd);
}

void mp_stream_vanish(mp_stream *stream) {
    mp_listener_remove(stream, true);
    mp_stream_shut(stream, false);
    mp_stream_drop_input(stream);
    stream->state = MP_STATE_UNCONNECTED;
    stream->open_mode = MP_NOT_OPEN;
    mp_object_check(&stream->object);
}
