/*
 * Movers; see mover.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/mover.h"

#include "net/stream_state.h"

void mp_mover_attach(mp_mover *mover, mp_stream *stream, int modes, mp_mover_event *on_event) {
    assert(!stream->extras->mover && !(stream->open_mode & MP_MOVED));
    mover->open_mode = stream->open_mode;
    mover->on_event = NULL;
    stream->extras->mover = mover;
    stream->open_mode = (uint8_t)((stream->open_mode & ~modes) | MP_MOVED);
    if (mp_stream_is_plain(stream)) {
        mover->on_event = ev_cb(&stream->watcher);
        ev_set_cb(&stream->watcher, on_event);
    }
}

void mp_mover_detach(mp_mover *mover, mp_stream *stream) {
    assert(stream->extras->mover == mover);
    stream->extras->mover = NULL;
    stream->open_mode = mover->open_mode;
    if (!mover->on_event)
        return;
    ev_set_cb(&stream->watcher, mover->on_event);
    if (stream->out.bytes == 0) {
        stream->flags &= ALL_BUT(FLAG_SHORT_WRITE);
        mp_stream_update_watcher(stream);
    }
}

void mp_mover_await_room(mp_stream *stream) {
    stream->flags |= FLAG_SHORT_WRITE;
    mp_stream_update_watcher(stream);
}
