/*
 * Putting a transport under a stream; see stream_transport.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/stream_transport.h"

#include <errno.h>
#include <stdlib.h>

#include "net/stream_input.h"

/* The transport takes the unread bytes, and those that arrived and would be unread in a moment. */
static int begin_transport(mp_stream *stream, const mp_transport *transport) {
    size_t size, more;
    const char *unread = mp_stream_peek(stream, &size), *arrived = mp_stream_arrival(stream, &more);
    mp_buffer *both = NULL;
    if (!transport->begin)
        return 0;
    if (more > 0) {
        if (mp_buffer_append(&both, unread, size) < 0 || mp_buffer_append(&both, arrived, more) < 0) {
            free(both);
            return -ENOMEM;
        }
        unread = both->data + both->start;
    }
    int result = transport->begin(stream, unread, size + more);
    free(both);
    return result;
}

int mp_stream_set_transport(mp_stream *stream, const mp_transport *transport, void *state) {
    bool connected = stream->state == MP_STATE_CONNECTED;
    assert(mp_stream_is_sound(stream) && transport->receive && transport->send);
    assert(mp_stream_is_plain(stream) && (!connected || stream->out.bytes == 0));
    if (!mp_stream_need_extras(stream))
        return -ENOMEM;
    stream->extras->carrier = (mp_carrier){.transport = transport, .state = state};
    stream->flags |= FLAG_CARRIED;
    int result = begin_transport(stream, transport);
    if (result < 0) {
        stream->extras->carrier = (mp_carrier){0};
        stream->flags &= ALL_BUT(FLAG_CARRIED);
        return result;
    }
    if (stream->flags & FLAG_ARRIVED)
        mp_stream_drop_arrival(stream);
    mp_stream_drop_input(stream);
    mp_stream_hear(stream, FLAG_READ_FULL);
    mp_stream_update_watcher(stream);
    if (connected)
        mp_stream_call_soon(stream);
    return 0;
}

int mp_stream_set_plain_transport(mp_stream *stream, const mp_transport *transport) {
    assert(mp_stream_is_sound(stream) && !transport->begin && !transport->handshake && !transport->goodbye &&
           mp_stream_is_plain(stream));
    if (!mp_stream_need_extras(stream))
        return -ENOMEM;
    stream->extras->carrier = (mp_carrier){.transport = transport, .stage = CARRIER_OPEN};
    stream->flags |= FLAG_CARRIED;
    mp_stream_update_watcher(stream);
    return 0;
}

void mp_stream_end_suspension(mp_stream *stream) {
    if (!(stream->flags & FLAG_CARRIED) || !stream->extras->carrier.suspended)
        return;
    stream->extras->carrier.suspended = false;
    mp_stream_update_watcher(stream);
    mp_stream_call_soon(stream);
}
