/*
 * Closing; see stream_close.h. This is the state machine of an end.
 *
 * A close is a sequence of signals, each with its own state. If the loop causes the close, each change of
 * state is a step in the queue after the signal before it. So a handler sees the state that Qt would show,
 * and a handler that does something else with the stream ends the sequence.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/stream_close.h"

#include "net/descriptor.h"
#include "net/linger.h"
#include "net/listener.h"
#include "net/stream.h"
#include "net/stream_input.h"
#include "net/stream_output.h"

void mp_stream_leave_mover(mp_stream *stream, enum mp_fault fault) {
    mp_mover *mover = mp_stream_mover(stream);
    if (mover)
        mover->kind->left(mover, stream, fault);
    assert(!mp_stream_mover(stream));
}

void mp_stream_shut(mp_stream *stream, bool gently) {
    mp_network *network = mp_stream_network(stream);
    int fd = stream->watcher.fd;
    mp_stream_leave_mover(stream, mp_stream_end_fault(stream));
    mp_stream_class_of(stream)->leave(stream);
    ev_io_stop(network->loop.ev, &stream->watcher);
    if (stream->extras)
        mp_idle_unwatch(&stream->extras->idle);
    mp_stream_release_carrier(stream);
    mp_write_queue_clear(&stream->out, &network->chunks);
    if (stream->flags & FLAG_ARRIVED)
        mp_stream_drop_arrival(stream);
    mp_stream_end_congestion(stream);
    if (stream->flags & FLAG_COUNTED) {
        assert(network->traffic.connections > 0);
        network->traffic.connections--;
    }
    mp_listener_remove(stream, false);
    stream->flags &= KEPT_OVER_SHUT;
    stream->phase = PHASE_OPEN;
    stream->paused = false;
    if (fd < 0)
        return;
    ev_io_set(&stream->watcher, -1, 0);
    if (!gently || !mp_linger(network, fd))
        mp_descriptor_close(network, fd);
}

/* The last part of every close: UnconnectedState, and its signals. */
static void finish(mp_stream *stream, bool gently) {
    bool was_connected = stream->state == MP_STATE_CONNECTED || stream->state == MP_STATE_CLOSING;
    uint32_t told = stream->flags & FLAG_FINISHED_TOLD;
    const uint64_t closing = MP_SIGNAL_BIT(MP_SIGNAL_DISCONNECTED) | MP_SIGNAL_BIT(MP_SIGNAL_STATE_CHANGED) |
                             MP_SIGNAL_BIT(MP_SIGNAL_READ_CHANNEL_FINISHED);
    mp_object *object = &stream->object;
    /* The handlers may ask for what is lost with the descriptor. */
    if ((object->awaited || (object->loop->wanted & closing)) && stream->watcher.fd >= 0)
        mp_stream_class_of(stream)->remember(stream);
    mp_stream_shut(stream, gently);
    stream->flags |= FLAG_FINAL | FLAG_FINISHED_TOLD | FLAG_READ_ENDED;
    mp_stream_set_state(stream, MP_STATE_UNCONNECTED);
    if (!told)
        mp_object_emit(object, MP_SIGNAL_READ_CHANNEL_FINISHED, 0);
    if (was_connected)
        mp_object_emit(object, MP_SIGNAL_DISCONNECTED, 0);
    mp_object_defer(object, STEP_FORGET);
}

void mp_stream_try_close(mp_stream *stream) {
    assert(mp_stream_is_sound(stream));
    if (stream->state != MP_STATE_CLOSING || mp_stream_unsent(stream) > 0)
        return;
    if (stream->phase == PHASE_REMOTE_CLOSE && (stream->object.at_work > 0 || (stream->flags & FLAG_PENDING)))
        return;
    if (stream->phase != PHASE_BROKEN && !(stream->flags & FLAG_WRITE_FAILED) &&
        !mp_stream_say_goodbye(stream))
        return; /* on_event continues */
    /* A transport has sent its goodbye even if the stream sent nothing, and the peer's goodbye isn't the end
       of the descriptor. */
    bool carried = stream->flags & FLAG_CARRIED;
    bool gently = stream->flags & (FLAG_WRITE_FAILED | FLAG_PIPE)
                      ? carried && stream->extras->carrier.told
                      : carried || (!(stream->flags & FLAG_READ_ENDED) && stream->bytes_sent > 0);
    finish(stream, gently);
}

void mp_stream_handler_ended(mp_stream *stream) {
    assert(mp_stream_is_sound(stream));
    if (stream->state == MP_STATE_CLOSING && stream->phase == PHASE_REMOTE_CLOSE)
        mp_object_defer(&stream->object, STEP_CLOSE);
    else if (stream->flags & FLAG_TOO_LONG)
        mp_object_defer(&stream->object, STEP_UNREAD);
}

void mp_stream_handler_judges(mp_stream *stream, int change) {
    if (mp_stream_class_of(stream)->judges)
        mp_stream_class_of(stream)->judges(stream, change);
}

void mp_stream_line_too_long(mp_stream *stream) {
    stream->fault = MP_FAULT_READ_BUFFER_FULL;
    stream->flags |= FLAG_READ_FULL | FLAG_TOO_LONG;
    mp_stream_update_watcher(stream);
    mp_object_defer(&stream->object, STEP_UNREAD);
}

void mp_stream_close_unread(mp_stream *stream) {
    if ((stream->flags & FLAG_TOO_LONG) && stream->state == MP_STATE_CONNECTED && stream->object.at_work == 0)
        mp_stream_disconnect(stream);
}

/* Neither side sends any more: the close that follows the peer's end unless half-open mode prevents it. */
static void both_ended(mp_stream *stream) {
    stream->phase = PHASE_REMOTE_CLOSE;
    mp_object_defer(&stream->object, STEP_CLOSING);
}

void mp_stream_remote_closed(mp_stream *stream, enum mp_fault fault, bool orderly) {
    if (mp_stream_class_of(stream)->ended) {
        mp_stream_class_of(stream)->ended(stream, fault, orderly);
        return;
    }
    if (stream->phase == PHASE_REMOTE_CLOSE && !orderly) {
        stream->phase = PHASE_BROKEN;
        mp_object_defer(&stream->object, STEP_CLOSE);
    }
    if (stream->phase == PHASE_REMOTE_CLOSE || stream->phase == PHASE_BROKEN)
        return;
    assert(stream->watcher.fd >= 0);
    stream->flags |= FLAG_READ_ENDED;
    mp_stream_update_watcher(stream);
    if (orderly && (mp_stream_limits(stream)->half_open || mp_stream_is_piped(stream)) &&
        stream->state == MP_STATE_CONNECTED) {
        stream->flags |= FLAG_FINISHED_TOLD;
        mp_object_emit(&stream->object, MP_SIGNAL_READ_CHANNEL_FINISHED, 0);
        if (stream->flags & FLAG_WRITE_CLOSED)
            both_ended(stream);
        if (mp_stream_is_piped(stream))
            mp_stream_mover(stream)->kind->ended(mp_stream_mover(stream), stream);
        return;
    }
    stream->fault = (uint8_t)fault;
    mp_object_emit(&stream->object, MP_SIGNAL_ERROR_OCCURRED, fault);
    if (stream->entering)
        mp_stream_class_of(stream)->refused(stream);
    if (stream->state == MP_STATE_CONNECTED) {
        stream->phase = orderly ? PHASE_REMOTE_CLOSE : PHASE_BROKEN;
        if (!orderly)
            mp_stream_drop_output(stream);
        mp_object_defer(&stream->object, STEP_CLOSING);
    } else {
        mp_object_defer(&stream->object, STEP_CLOSE);
    }
    if (!orderly)
        mp_stream_leave_mover(stream, fault);
}

/* A class may end its streams by itself. */
static bool ends_itself(mp_stream *stream, bool device) {
    if (!mp_stream_class_of(stream)->end)
        return false;
    mp_stream_class_of(stream)->end(stream, device);
    return true;
}

void mp_stream_disconnect(mp_stream *stream) {
    assert(mp_stream_is_sound(stream));
    if (ends_itself(stream, false))
        return;
    mp_stream_leave_mover(stream, MP_FAULT_NOT_CONNECTED);
    switch (stream->state) {
    case MP_STATE_UNCONNECTED: break;
    case MP_STATE_HOST_LOOKUP:
    case MP_STATE_CONNECTING: stream->flags |= FLAG_CLOSE_CONNECTED; break;
    case MP_STATE_BOUND:
        mp_object_emit(&stream->object, MP_SIGNAL_STATE_CHANGED, MP_STATE_CLOSING);
        finish(stream, false);
        break;
    case MP_STATE_CONNECTED:
        mp_stream_set_state(stream, MP_STATE_CLOSING);
        mp_stream_update_watcher(stream);
        /* fall through */
    default: stream->phase = PHASE_LOCAL_CLOSE; mp_stream_try_close(stream);
    }
}

void mp_stream_close_device(mp_stream *stream) {
    if (stream->open_mode == MP_NOT_OPEN)
        return;
    mp_object_emit(&stream->object, MP_SIGNAL_ABOUT_TO_CLOSE, 0);
    stream->open_mode = MP_NOT_OPEN;
    stream->flags &= ALL_BUT(FLAG_TRANSACTION | FLAG_WAS_CONNECTED | FLAG_OPENED);
    mp_stream_drop_input(stream);
    if (mp_stream_class_of(stream)->dropped)
        mp_stream_class_of(stream)->dropped(stream);
}

void mp_stream_open(mp_stream *stream, int open_mode) {
    assert(mp_stream_is_sound(stream));
    mp_stream_leave_mover(stream, MP_FAULT_NOT_CONNECTED);
    mp_stream_drop_input(stream);
    stream->flags &= ALL_BUT(FLAG_TRANSACTION);
    stream->flags |= FLAG_OPENED;
    mp_stream_hear(stream, FLAG_READ_FULL);
    mp_stream_clear_fault(stream);
    stream->open_mode = (uint8_t)open_mode;
    mp_stream_drop_output(stream);
    if (stream->state == MP_STATE_CLOSING)
        mp_object_defer(&stream->object, STEP_CLOSE);
}

void mp_stream_close(mp_stream *stream) {
    assert(mp_stream_is_sound(stream));
    if (ends_itself(stream, true))
        return;
    mp_stream_leave_mover(stream, MP_FAULT_NOT_CONNECTED);
    mp_stream_close_device(stream);
    if (stream->state == MP_STATE_UNCONNECTED && stream->watcher.fd >= 0)
        mp_stream_shut(stream, false); /* a descriptor that was adopted unconnected */
    if (stream->state == MP_STATE_UNCONNECTED)
        mp_stream_release_carrier(stream);
    mp_stream_disconnect(stream);
}

void mp_stream_abort(mp_stream *stream) {
    assert(mp_stream_is_sound(stream));
    if (ends_itself(stream, true))
        return;
    mp_stream_leave_mover(stream, MP_FAULT_NOT_CONNECTED);
    mp_stream_close_device(stream);
    mp_write_queue_clear(&stream->out, &mp_stream_network(stream)->chunks);
    if (stream->state != MP_STATE_UNCONNECTED || stream->watcher.fd >= 0)
        finish(stream, false);
    mp_stream_release_carrier(stream);
}

void mp_stream_fail(mp_stream *stream, enum mp_fault fault) {
    assert(mp_stream_is_sound(stream));
    if (stream->state != MP_STATE_CONNECTED && stream->state != MP_STATE_CLOSING)
        return;
    if (stream->extras)
        mp_idle_unwatch(&stream->extras->idle);
    mp_stream_end_carrier(stream);
    mp_stream_drop_output(stream);
    mp_stream_remote_closed(stream, fault, false);
}

enum mp_fault mp_stream_finish_writing(mp_stream *stream) {
    assert(mp_stream_is_sound(stream));
    if (stream->state == MP_STATE_UNCONNECTED || stream->state == MP_STATE_BOUND ||
        (stream->flags & FLAG_WRITE_FAILED))
        return MP_FAULT_NOT_CONNECTED;
    if (stream->flags & FLAG_PIPE) {
        if (stream->open_mode & MP_READ_ONLY)
            return MP_FAULT_UNSUPPORTED;
        mp_stream_disconnect(stream);
        return MP_FAULT_NONE;
    }
    if (stream->flags & FLAG_WRITE_CLOSED)
        return MP_FAULT_NONE;
    stream->flags |= FLAG_WRITE_CLOSED;
    if (stream->state < MP_STATE_CONNECTED)
        return MP_FAULT_NONE;
    mp_stream_end_writing(stream);
    if ((stream->flags & FLAG_READ_ENDED) && stream->state == MP_STATE_CONNECTED &&
        stream->phase == PHASE_OPEN && !mp_stream_class_of(stream)->ended)
        both_ended(stream);
    return MP_FAULT_NONE;
}

enum mp_fault mp_stream_close_write_channel(mp_stream *stream) {
    if (stream->open_mode & MP_MOVED)
        return mp_stream_moved_fault(stream);
    return mp_stream_finish_writing(stream);
}
