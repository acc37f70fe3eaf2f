/*
 * Writing. write only queues. What a handler wrote is sent after it returns or waits, in one system call for
 * each stream. EV_WRITE is armed only after the system took less than there was.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/stream_output.h"

#include <errno.h>

#include "net/overload.h"
#include "system/system.h"

#define VECTORS 32
#define RELIEF_SECONDS 0.05

static mp_chunk_pool *chunks(const mp_stream *stream) {
    return &mp_stream_network(stream)->chunks;
}

/* --- the list of those that have something to send ------------------------------------------------------ */

void mp_stream_mark_dirty(mp_stream *stream) {
    mp_network *network = mp_stream_network(stream);
    if (stream->flags & (FLAG_DIRTY | FLAG_CONGESTED))
        return;
    stream->flags |= FLAG_DIRTY;
    stream->next_dirty = NULL;
    if (network->dirty_tail)
        network->dirty_tail->next_dirty = stream;
    else
        network->dirty_head = stream;
    network->dirty_tail = stream;
    network->loop.unsent = true;
}

mp_stream *mp_stream_next_dirty(mp_network *network) {
    mp_stream *stream = network->dirty_head;
    if (!stream)
        return NULL;
    network->dirty_head = stream->next_dirty;
    if (!network->dirty_head)
        network->dirty_tail = NULL;
    assert(stream->flags & FLAG_DIRTY);
    stream->flags &= ALL_BUT(FLAG_DIRTY);
    return stream;
}

void mp_stream_unmark_dirty(mp_stream *stream) {
    mp_network *network = mp_stream_network(stream);
    mp_stream **place = &network->dirty_head, *before = NULL;
    mp_stream_end_congestion(stream);
    if (!(stream->flags & FLAG_DIRTY))
        return;
    for (; *place && *place != stream; place = &(*place)->next_dirty)
        before = *place;
    assert(*place == stream);
    *place = stream->next_dirty;
    if (network->dirty_tail == stream)
        network->dirty_tail = before;
    stream->flags &= ALL_BUT(FLAG_DIRTY);
}

/* --- a system without memory for more ------------------------------------------------------------------- */

static void on_relief(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_network *network = timer->data;
    (void)ev;
    (void)revents;
    while (network->congested) {
        mp_stream *stream = network->congested;
        mp_stream_end_congestion(stream);
        if (stream->flags & FLAG_CARRIED) {
            stream->extras->carrier.suspended = false;
            mp_stream_call_soon(stream);
        } else {
            mp_stream_mark_dirty(stream);
        }
        mp_stream_update_watcher(stream);
    }
    mp_loop_settle(&network->loop);
}

/* The poll doesn't report when there is memory again. */
void mp_stream_note_congestion(mp_stream *stream) {
    mp_network *network = mp_stream_network(stream);
    mp_stream_unmark_dirty(stream);
    stream->flags |= FLAG_CONGESTED;
    if (!(stream->flags & FLAG_CARRIED))
        stream->flags |= FLAG_SHORT_WRITE; /* else it may be for something else than the queue */
    stream->next_dirty = network->congested;
    network->congested = stream;
    mp_stream_update_watcher(stream);
    if (ev_is_active(&network->relief))
        return;
    ev_timer_init(&network->relief, on_relief, RELIEF_SECONDS, 0.);
    network->relief.data = network;
    ev_timer_start(network->loop.ev, &network->relief);
}

void mp_stream_end_congestion(mp_stream *stream) {
    mp_stream **place = &mp_stream_network(stream)->congested;
    if (!(stream->flags & FLAG_CONGESTED))
        return;
    while (*place != stream)
        place = &(*place)->next_dirty;
    *place = stream->next_dirty;
    stream->flags &= ALL_BUT(FLAG_CONGESTED);
}

/* --- queueing ------------------------------------------------------------------------------------------- */

enum mp_fault mp_stream_can_write(const mp_stream *stream, size_t size) {
    if (stream->open_mode == MP_NOT_OPEN)
        return MP_FAULT_NOT_OPEN;
    if (stream->open_mode & MP_MOVED)
        return mp_stream_moved_fault(stream);
    if (!(stream->open_mode & MP_WRITE_ONLY))
        return MP_FAULT_READ_ONLY;
    if (stream->state == MP_STATE_UNCONNECTED || stream->state == MP_STATE_BOUND ||
        (stream->flags & FLAG_WRITE_FAILED))
        return MP_FAULT_NOT_CONNECTED;
    if (stream->flags & FLAG_WRITE_CLOSED)
        return MP_FAULT_WRITE_CHANNEL_CLOSED;
    if (stream->switching)
        return MP_FAULT_SSL_STARTING;
    if ((stream->flags & FLAG_CARRIED) && stream->extras->carrier.goodbye != GOODBYE_UNSAID)
        return MP_FAULT_NOT_CONNECTED; /* without a transport the connection would be closed by now */
    /* A single large write to an empty queue is the script's own decision. */
    size_t unsent = mp_stream_unsent(stream);
    if (unsent == 0)
        return MP_FAULT_NONE;
    size_t limit = mp_stream_limits(stream)->write_buffer;
    return limit > 0 && unsent + size > limit ? MP_FAULT_WRITE_BUFFER_FULL : MP_FAULT_NONE;
}

void mp_stream_balance(mp_stream *stream) {
    size_t left = mp_stream_unsent(stream);
    uint32_t before = stream->flags;
    if (left == 0 && !(before & (FLAG_SHORT_WRITE | FLAG_THROTTLED)))
        return;
    /* Only its receiver slows a pipe down. */
    size_t mark = mp_stream_is_piped(stream) ? 0 : mp_stream_limits(stream)->high_water_mark;
    if (left > 0)
        stream->flags |= FLAG_SHORT_WRITE;
    else
        stream->flags &= ALL_BUT(FLAG_SHORT_WRITE);
    if (mark > 0 && left > mark)
        stream->flags |= FLAG_THROTTLED;
    mp_overload_look(mp_stream_network(stream));
    if (mp_stream_network(stream)->overload.share != SIZE_MAX)
        mp_stream_reconsider(stream);
    else if (stream->flags != before)
        mp_stream_update_watcher(stream);
    if (left <= mark / 2)
        mp_stream_hear(stream, FLAG_THROTTLED);
    if (left == 0 && mp_stream_class_of(stream)->drained)
        mp_stream_class_of(stream)->drained(stream);
}

void mp_stream_drop_output(mp_stream *stream) {
    /* A transport that was offered bytes is offered the same bytes again. */
    bool bound = (stream->flags & FLAG_CARRIED) && stream->extras->carrier.stage == CARRIER_OPEN;
    mp_write_queue_cut(&stream->out, chunks(stream), bound ? stream->extras->carrier.offered : 0);
    if (stream->out.bytes == 0)
        stream->flags &= ALL_BUT(FLAG_SHORT_WRITE);
    stream->flags &= ALL_BUT(FLAG_THROTTLED);
    mp_stream_update_watcher(stream);
}

/* True if a write is certainly allowed; a cheap check. */
static inline bool is_free(const mp_stream *stream) {
    return stream->out.bytes == 0 && stream->state == MP_STATE_CONNECTED &&
           (stream->open_mode & MP_WRITE_ONLY) &&
           !(stream->flags & (FLAG_WRITE_FAILED | FLAG_WRITE_CLOSED | FLAG_CARRIED));
}

/* NONE: a write of `size` bytes is allowed. */
static inline enum mp_fault check_write(mp_stream *stream, size_t size) {
    assert(mp_stream_is_sound(stream));
    enum mp_fault fault = is_free(stream) ? MP_FAULT_NONE : mp_stream_can_write(stream, size);
    if (fault == MP_FAULT_NOT_CONNECTED && stream->state == MP_STATE_UNCONNECTED)
        stream->fault = (uint8_t)fault;
    return fault;
}

static inline void queued(mp_stream *stream) {
    if (stream->flags & FLAG_SHORT_WRITE)
        mp_stream_balance(stream); /* if the peer reads nothing, the mark is checked nowhere else */
    else if (stream->state >= MP_STATE_CONNECTED)
        mp_stream_mark_dirty(stream);
    else
        mp_overload_look(mp_stream_network(stream));
}

enum mp_fault mp_stream_write(mp_stream *stream, const char *data, size_t size, int token) {
    enum mp_fault fault = check_write(stream, size);
    if (fault != MP_FAULT_NONE || size == 0)
        return fault;
    if (token == MP_LEND && (stream->out.bytes > 0 || stream->state < MP_STATE_CONNECTED))
        token = MP_COPY; /* the next flush doesn't send it */
    if (mp_write_queue_append(&stream->out, chunks(stream), data, size, token) < 0)
        return MP_FAULT_RESOURCE;
    queued(stream);
    return MP_FAULT_NONE;
}

enum mp_fault mp_stream_write_headed(mp_stream *stream, const char *head, size_t head_size, const char *data,
                                     size_t size, int token) {
    enum mp_fault fault = check_write(stream, head_size + size);
    assert(head_size > 0 && size > 0 && token != MP_LEND);
    if (fault != MP_FAULT_NONE)
        return fault;
    if (mp_write_queue_append(&stream->out, chunks(stream), head, head_size, MP_COPY) < 0 ||
        mp_write_queue_append(&stream->out, chunks(stream), data, size, token) < 0)
        return MP_FAULT_RESOURCE;
    queued(stream);
    return MP_FAULT_NONE;
}

/* --- sending -------------------------------------------------------------------------------------------- */

static size_t total(const struct iovec *vectors, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += vectors[i].iov_len;
    return size;
}

/* Sends by a transport, including what it took before and has not sent yet. */
static mp_part_result send_carried(mp_stream *stream, size_t *sent) {
    const mp_transport *transport = mp_stream_transport(stream);
    mp_carrier *carrier = stream->flags & FLAG_CARRIED ? &stream->extras->carrier : NULL;
    struct iovec vectors[VECTORS];
    size_t before = mp_stream_unsent(stream);
    mp_transport_result result = {.outcome = MP_TRANSPORT_AGAIN};
    if (!mp_stream_is_carrying(stream))
        return (mp_part_result){MP_NOTHING, MP_FAULT_NONE};
    do {
        int count = mp_write_queue_vectors(&stream->out, vectors, VECTORS);
        result = transport->send(stream, vectors, count);
        if (carrier)
            mp_stream_note_move(stream, &result, &carrier->send_waits);
        if (result.outcome == MP_TRANSPORT_BYTES) {
            assert(result.n > 0 || count == 0);
            mp_write_queue_consume(&stream->out, chunks(stream), (size_t)result.n);
        }
        bool again = result.outcome == MP_TRANSPORT_AGAIN || result.outcome == MP_TRANSPORT_CONGESTED;
        if (carrier)
            carrier->offered = again ? total(vectors, count) : 0;
    } while (result.outcome == MP_TRANSPORT_BYTES && stream->out.bytes > 0);
    assert(mp_stream_unsent(stream) <= before);
    *sent = before - mp_stream_unsent(stream);
    if (carrier)
        mp_stream_hear_pending(stream); /* it may have received */
    if (result.outcome == MP_TRANSPORT_CONGESTED)
        mp_stream_note_congestion(stream);
    if (result.outcome == MP_TRANSPORT_BROKEN)
        return (mp_part_result){MP_BROKEN, result.fault};
    return (mp_part_result){MP_GOING_ON, MP_FAULT_NONE};
}

/* Sends the head of the queue. Returns the bytes that the system took, or -errno. *all: the system took
   everything offered. */
static inline ssize_t send_plain(mp_stream *stream, bool *all) {
    struct iovec vectors[VECTORS];
    int count = mp_write_queue_vectors(&stream->out, vectors, VECTORS);
    ssize_t n;
    if (count == 1) {
        n = mp_system_send(stream->watcher.fd, vectors[0].iov_base, vectors[0].iov_len, false);
        *all = n == (ssize_t)vectors[0].iov_len;
    } else {
        n = mp_system_send_vectors(stream->watcher.fd, vectors, count, false);
        *all = n == (ssize_t)total(vectors, count);
    }
    return n;
}

static mp_part_result send_failed(mp_stream *stream, int error) {
    if (error != ENOBUFS && error != ENOMEM)
        return (mp_part_result){MP_BROKEN, (uint8_t)mp_fault_from_errno(MP_ATTEMPT_WRITE, error)};
    mp_stream_note_congestion(stream);
    return (mp_part_result){MP_NOTHING, MP_FAULT_NONE};
}

mp_part_result mp_stream_send(mp_stream *stream, size_t *sent) {
    mp_part_result part = {MP_GOING_ON, MP_FAULT_NONE};
    assert(mp_stream_is_sound(stream) && stream->watcher.fd >= 0 && !(stream->flags & FLAG_CONGESTED));
    *sent = 0;
    if (!mp_stream_is_plain(stream))
        part = send_carried(stream, sent);
    else
        for (bool more = true; more && stream->out.bytes > 0;) {
            ssize_t n = send_plain(stream, &more);
            if (n > 0) {
                mp_write_queue_consume(&stream->out, chunks(stream), (size_t)n);
                *sent += (size_t)n;
            } else if (n < 0 && n != -EAGAIN && n != -EWOULDBLOCK) {
                part = send_failed(stream, (int)-n);
            }
        }
    stream->bytes_sent += *sent;
    mp_stream_network(stream)->traffic.bytes_sent += *sent;
    return part;
}

bool mp_stream_say_goodbye(mp_stream *stream) {
    mp_carrier *carrier = stream->flags & FLAG_CARRIED ? &stream->extras->carrier : NULL;
    if (!carrier || !carrier->transport->goodbye || carrier->stage != CARRIER_OPEN ||
        carrier->goodbye == GOODBYE_SAID)
        return true;
    assert(mp_stream_unsent(stream) == 0);
    if (carrier->suspended) {
        carrier->goodbye = GOODBYE_BEGUN;
        return false;
    }
    mp_transport_result result = carrier->transport->goodbye(stream);
    bool later = result.outcome == MP_TRANSPORT_AGAIN || result.outcome == MP_TRANSPORT_SUSPENDED ||
                 result.outcome == MP_TRANSPORT_CONGESTED;
    carrier->goodbye = later ? GOODBYE_BEGUN : GOODBYE_SAID;
    mp_stream_note_carrier(stream, &result, &carrier->send_waits);
    if (result.outcome == MP_TRANSPORT_CONGESTED)
        mp_stream_note_congestion(stream);
    mp_stream_hear_pending(stream);
    return !later;
}

/* A failure comes from the peer; reading reports it. */
void mp_stream_end_writing(mp_stream *stream) {
    bool shaking = (stream->flags & FLAG_CARRIED) && stream->extras->carrier.stage == CARRIER_HANDSHAKING;
    if ((stream->flags & FLAG_WRITE_CLOSED) && !shaking && mp_stream_unsent(stream) == 0 &&
        mp_stream_say_goodbye(stream) && !mp_stream_class_of(stream)->ended)
        (void)mp_system_shutdown_write(stream->watcher.fd);
}
