/*
 * The limits of streams; see stream_limits.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/stream_limits.h"

#include "net/stream.h"
#include "net/stream_input.h"

mp_limits *mp_stream_own_limits(mp_stream *stream) {
    if (!(stream->flags & FLAG_OWN_LIMITS)) {
        if (!mp_stream_need_extras(stream))
            return NULL;
        stream->extras->limits = *mp_stream_limits(stream);
        stream->flags |= FLAG_OWN_LIMITS;
    }
    return &stream->extras->limits;
}

int mp_stream_apply_limits(mp_stream *stream) {
    size_t mark = mp_stream_limits(stream)->high_water_mark, unsent = mp_stream_unsent(stream);
    if (mp_stream_has_room(stream))
        mp_stream_hear(stream, FLAG_READ_FULL);
    if (mark == 0 || unsent <= mark / 2)
        mp_stream_hear(stream, FLAG_THROTTLED);
    else if (unsent > mark && (stream->flags & FLAG_SHORT_WRITE))
        stream->flags |= FLAG_THROTTLED;
    mp_stream_update_watcher(stream);
    if (stream->state != MP_STATE_CONNECTED && stream->state != MP_STATE_CLOSING)
        return 0;
    return mp_stream_watch_idle(stream);
}
