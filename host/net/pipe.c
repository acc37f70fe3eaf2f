/*
 * Pipes between streams; see pipe.h.
 *
 * A plain socket's events come to this file instead of stream.c. A stream with a transport goes on receiving
 * and sending by itself, and hands over what arrives. Either way a stream that must not be read, because the
 * other one has too much to send, has FLAG_READ_FULL.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/pipe.h"

#include "loop/reserve.h"
#include "net/pipe_flow.h"
#include "net/stream.h"
#include "net/stream_close.h"
#include "net/stream_input.h"
#include "net/stream_output.h"

static mp_pipe_side *side_of(mp_mover *mover) {
    return MP_CONTAINER(mover, mp_pipe_side, mover);
}

/* --- the end -------------------------------------------------------------------------------------------- */

/* Gives the stream back to the script. */
static void detach(mp_pipe_side *side) {
    mp_stream *stream = side->stream;
    if (!stream)
        return;
    mp_pipe_recover(side->pipe, &mp_pipe_other_side(side)->out, stream);
    side->stream = NULL;
    mp_mover_detach(&side->mover, stream);
    mp_stream_hear(stream, FLAG_READ_FULL);
    if (stream->out.bytes > 0 && !(stream->flags & FLAG_SHORT_WRITE) && stream->state >= MP_STATE_CONNECTED)
        mp_stream_mark_dirty(stream);
}

static void stop(mp_pipe *pipe) {
    pipe->running = false;
    mp_idle_unwatch(&pipe->idle);
    for (int i = 0; i < 2; i++) {
        detach(&pipe->sides[i]);
        mp_kernel_pipe_give_back(pipe->network, pipe->sides[i].out.kernel);
        pipe->sides[i].out.kernel = NULL;
    }
}

static void finish(mp_pipe *pipe, enum mp_fault fault) {
    if (!pipe->running)
        return;
    stop(pipe);
    pipe->fault = (uint8_t)fault;
    pipe->done(pipe);
}

/* True if nothing more moves to or from the stream of this side, and that is as both peers wanted. */
static bool is_through(mp_pipe_side *side) {
    const mp_stream *stream = side->stream;
    return !stream ||
           (side->out.ended && mp_pipe_other_side(side)->out.closed && mp_stream_unsent(stream) == 0 &&
            stream->phase != PHASE_BROKEN && !(stream->flags & FLAG_WRITE_FAILED));
}

/* Ends it if both peers have finished and have got everything. */
static void finish_if_through(mp_pipe *pipe) {
    if (pipe->running && is_through(&pipe->sides[0]) && is_through(&pipe->sides[1]) &&
        pipe->sides[0].out.closed && pipe->sides[1].out.closed)
        finish(pipe, MP_FAULT_NONE);
}

/* The last bytes of this side's way have been queued or sent: the other peer may see the end. */
static void pass_end(mp_pipe_side *from) {
    mp_pipe *pipe = from->pipe;
    mp_stream *to = mp_pipe_other_side(from)->stream;
    if (!from->out.ended || from->out.closed || (from->out.kernel && from->out.kernel->held > 0))
        return;
    from->out.closed = true;
    if (to)
        (void)mp_stream_finish_writing(to);
    finish_if_through(pipe);
}

/* The stream of this side has room again. */
static void resume(mp_pipe_side *side) {
    mp_pipe_side *from = mp_pipe_other_side(side);
    if (!mp_pipe_takes_more(side->stream) || (from->out.kernel && !mp_pipe_pour(from, side->stream)))
        return;
    pass_end(from);
    if (side->pipe->running && from->stream)
        mp_stream_hear(from->stream, FLAG_READ_FULL);
    if (side->pipe->running)
        finish_if_through(side->pipe);
}

/* --- events --------------------------------------------------------------------------------------------- */

/* Of a plain socket. */
static void on_event(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_stream *stream = mp_stream_of_watcher(watcher);
    mp_network *network = mp_stream_network(stream);
    mp_pipe_side *side = side_of(mp_stream_mover(stream));
    mp_pipe *pipe = side->pipe;
    (void)ev;
    if (revents & EV_ERROR) {
        mp_stream_fail(stream, MP_FAULT_RESOURCE);
    } else {
        if ((revents & EV_WRITE) && (stream->flags & FLAG_SHORT_WRITE)) {
            if (stream->out.bytes > 0) {
                (void)mp_stream_flush(stream);
            } else {
                stream->flags &= ALL_BUT(FLAG_SHORT_WRITE);
                resume(side);
                mp_stream_update_watcher(stream);
            }
        }
        if ((revents & EV_READ) && pipe->running && side->stream && !mp_stream_is_deaf(stream))
            mp_pipe_pump(side);
    }
    if (network->loop.queue.count > 0 || network->loop.unsent)
        mp_loop_has_received(&network->loop);
}

static void arrived(mp_mover *mover, mp_stream *stream, const char *data, size_t size) {
    mp_pipe_side *from = side_of(mover);
    mp_stream *to = mp_pipe_other_side(from)->stream;
    from->out.bytes += size;
    if (!to || (to->flags & FLAG_WRITE_FAILED)) {
        mp_pipe_rest(stream);
        return;
    }
    mp_pipe_pass(to, data, size);
    if (!from->pipe->running)
        return;
    mp_pipe_touch(from);
    if (!mp_pipe_takes_more(to))
        mp_pipe_rest(stream);
}

static void sent(mp_mover *mover, mp_stream *stream) {
    (void)stream;
    mp_pipe_touch(mp_pipe_other_side(side_of(mover)));
    resume(side_of(mover));
}

static void ended(mp_mover *mover, mp_stream *stream) {
    (void)stream;
    side_of(mover)->out.ended = true;
    pass_end(side_of(mover));
}

static void left(mp_mover *mover, mp_stream *stream, enum mp_fault fault) {
    mp_pipe_side *side = side_of(mover);
    (void)stream;
    if (is_through(side)) {
        detach(side);
        finish_if_through(side->pipe);
    } else {
        finish(side->pipe, fault);
    }
}

static bool is_read(const mp_mover *mover) {
    const mp_pipe_side *side = MP_CONTAINER(mover, const mp_pipe_side, mover);
    const mp_stream *to = side->pipe->sides[side == &side->pipe->sides[0]].stream;
    return to && !(to->flags & FLAG_WRITE_FAILED);
}

static const mp_mover_kind kind = {arrived, sent, ended, left, is_read};

static void on_idle(mp_idle *idle) {
    finish(MP_CONTAINER(idle, mp_pipe, idle), MP_FAULT_IDLE_TIMEOUT);
}

/* --- the start ------------------------------------------------------------------------------------------ */

static enum mp_fault can_pipe(mp_stream *stream) {
    bool connected = stream->state == MP_STATE_CONNECTED ||
                     (stream->state == MP_STATE_CLOSING && stream->phase == PHASE_REMOTE_CLOSE);
    if (stream->open_mode & MP_MOVED)
        return mp_stream_moved_fault(stream);
    if (stream->flags & FLAG_TRANSACTION)
        return MP_FAULT_UNFINISHED;
    if (!connected || stream->phase == PHASE_BROKEN || (stream->flags & FLAG_WRITE_FAILED))
        return mp_stream_end_fault(stream);
    if (!(stream->open_mode & MP_READ_ONLY))
        return MP_FAULT_WRITE_ONLY;
    if (!(stream->open_mode & MP_WRITE_ONLY))
        return MP_FAULT_READ_ONLY;
    if (stream->flags & FLAG_WRITE_CLOSED)
        return MP_FAULT_WRITE_CHANNEL_CLOSED;
    if (stream->switching)
        return MP_FAULT_SSL_STARTING;
    return mp_stream_need_extras(stream) ? MP_FAULT_NONE : MP_FAULT_RESOURCE;
}

static void attach(mp_pipe *pipe, mp_pipe_side *side, mp_stream *stream) {
    *side = (mp_pipe_side){.mover = {.kind = &kind}, .pipe = pipe, .stream = stream};
    mp_mover_attach(&side->mover, stream, MP_READ_WRITE, on_event);
}

/* Passes on what was received before, and perhaps the end. */
static void pass_unread(mp_pipe_side *from) {
    mp_pipe *pipe = from->pipe;
    mp_stream *stream = from->stream, *to = mp_pipe_other_side(from)->stream;
    size_t size;
    if (!pipe->running || !stream || !to)
        return;
    const char *data = mp_stream_peek(stream, &size);
    if (size > 0) {
        from->out.bytes += size;
        mp_pipe_queue(to, data, size);
    }
    if (!pipe->running)
        return;
    mp_stream_drop_input(stream);
    mp_stream_hear(stream, FLAG_READ_FULL | FLAG_THROTTLED);
    from->out.ended = mp_stream_read_ended(stream);
    if (!mp_pipe_takes_more(to))
        mp_pipe_rest(stream);
    pass_end(from);
}

enum mp_fault mp_pipe_start(mp_pipe *pipe, mp_stream *a, mp_stream *b, double idle,
                            void (*done)(mp_pipe *pipe)) {
    assert(a != b && !pipe->running);
    mp_stream *const streams[] = {a, b};
    for (int i = 0; i < 2; i++) {
        enum mp_fault fault = can_pipe(streams[i]);
        if (fault != MP_FAULT_NONE)
            return mp_stream_own_fault(streams[i], fault);
    }
    if (idle > 0 && !mp_reserve_is_whole())
        return MP_FAULT_RESOURCE;
    pipe->network = mp_stream_network(a);
    pipe->done = done;
    pipe->fault = MP_FAULT_NONE;
    pipe->running = true;
    attach(pipe, &pipe->sides[0], a);
    attach(pipe, &pipe->sides[1], b);
    if (idle > 0)
        mp_idle_watch(&pipe->idle, &pipe->network->loop, idle, on_idle);
    pass_unread(&pipe->sides[0]);
    pass_unread(&pipe->sides[1]);
    return MP_FAULT_NONE;
}

void mp_pipe_end(mp_pipe *pipe) {
    if (pipe->running)
        stop(pipe);
}
