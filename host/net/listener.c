/*
 * Listeners and their connections; see listener.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/listener.h"

#include <stdlib.h>

#include "data/address_counts.h"
#include "net/descriptor.h"

mp_listener *mp_listener_new(mp_network *network, void (*on_ready)(struct ev_loop *, ev_io *, int)) {
    mp_listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return NULL;
    listener->references = 1;
    listener->network = network;
    listener->limits = mp_default_limits;
    listener->accepts = 1;
    listener->kept = -1;
    listener->woken = UINT64_MAX;
    mp_ring_init(&listener->pending);
    mp_ring_init(&listener->open);
    mp_ring_init(&listener->entering);
    mp_ring_init(&listener->handshakes);
    ev_io_init(&listener->watcher, on_ready, -1, 0);
    listener->watcher.data = listener;
    return listener;
}

void mp_listener_close_descriptor(mp_network *network, int fd, bool shared) {
    if (shared)
        network->source->closed(network, fd);
    mp_descriptor_close(network, fd);
}

/* True if the members agree with each other; for assertions. */
static inline bool is_sound(const mp_listener *listener) {
    return listener->references > 0 &&
           (listener->pending_count == 0) == mp_ring_is_empty(&listener->pending) &&
           (listener->entering_count == 0) == mp_ring_is_empty(&listener->entering) &&
           (listener->handshake_count == 0) == mp_ring_is_empty(&listener->handshakes) &&
           (listener->open_count == 0) == mp_ring_is_empty(&listener->open);
}

void mp_listener_unreference(mp_listener *listener) {
    assert(is_sound(listener));
    if (--listener->references > 0)
        return;
    mp_address_counts_free(listener->addresses);
    free(listener->counts);
    free(listener);
}

void mp_listener_add(mp_listener *listener, mp_stream *stream) {
    assert(is_sound(listener) && !stream->link.next);
    listener->references++;
    listener->pending_count++;
    mp_ring_append(&listener->pending, &stream->link);
}

void mp_listener_enter(mp_listener *listener, mp_stream *stream) {
    assert(is_sound(listener) && !stream->link.next && !stream->entering);
    listener->references++;
    listener->entering_count++;
    stream->entering = true;
    mp_ring_append(&listener->entering, &stream->link);
}

void mp_listener_admit(mp_stream *stream) {
    mp_listener *listener = stream->listener;
    assert(stream->entering && listener->entering_count > 0 && !(stream->flags & FLAG_PENDING));
    listener->entering_count--;
    listener->pending_count++;
    stream->entering = false;
    stream->flags |= FLAG_PENDING;
    mp_ring_remove(&stream->link);
    mp_ring_append(&listener->pending, &stream->link);
}

mp_stream *mp_listener_take(mp_listener *listener) {
    assert(is_sound(listener));
    if (mp_ring_is_empty(&listener->pending))
        return NULL;
    mp_stream *stream = mp_stream_of_link(listener->pending.next);
    mp_ring_remove(&stream->link);
    assert(listener->pending_count > 0 && (stream->flags & FLAG_PENDING));
    listener->pending_count--;
    stream->flags &= ALL_BUT(FLAG_PENDING);
    if (stream->state != MP_STATE_UNCONNECTED) {
        mp_ring_append(&listener->open, &stream->link);
        listener->open_count++;
    }
    return stream;
}

void mp_listener_remove(mp_stream *stream, bool also_pending) {
    mp_listener *listener = stream->listener;
    bool pending = stream->flags & FLAG_PENDING;
    assert(!listener || is_sound(listener));
    if (!stream->link.next || (pending && !also_pending))
        return;
    mp_ring_remove(&stream->link);
    if (!listener)
        return;
    size_t *count = stream->entering ? &listener->entering_count
                    : pending        ? &listener->pending_count
                                     : &listener->open_count;
    assert(*count > 0);
    --*count;
    bool entering = stream->entering;
    stream->entering = false;
    stream->flags &= ALL_BUT(FLAG_PENDING);
    if (listener->server)
        listener->left(listener, stream, entering);
}

void mp_listener_move_back(mp_stream *stream) {
    if (!stream->listener || !stream->link.next || stream->entering || (stream->flags & FLAG_PENDING))
        return;
    mp_ring_remove(&stream->link);
    mp_ring_append(&stream->listener->open, &stream->link);
}

void mp_stream_detach(mp_stream *stream) {
    mp_listener *listener = stream->listener;
    if (!listener)
        return;
    mp_listener_remove(stream, true);
    stream->listener = NULL;
    if (listener->server)
        mp_object_check((mp_object *)listener->server);
    mp_listener_unreference(listener);
}

mp_stream *mp_listener_next(const mp_listener *listener, const mp_stream *previous) {
    assert(is_sound(listener) && (!previous || (previous->listener == listener && !previous->entering &&
                                                !(previous->flags & FLAG_PENDING))));
    mp_ring *next = previous ? previous->link.next : listener->open.next;
    return next == &listener->open ? NULL : mp_stream_of_link(next);
}
