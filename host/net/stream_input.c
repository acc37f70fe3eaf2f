/*
 * Reading. Each wake-up makes one recv into the buffer that all streams of the network share. Received bytes
 * are side by side there until all ready streams have received. While the readyRead handler runs, its part of
 * that buffer is the stream's unread data. Only what the handler leaves is copied to the stream's own buffer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/stream_input.h"

#include <errno.h>
#include <stdlib.h>

#include "net/overload.h"
#include "net/stream_output.h"
#include "system/system.h"

/* So many bytes may arrive before their handlers run, in pieces that each begin at a multiple of ALIGNMENT.
   With more, a stream with much input would have little room left, and the bytes would leave the nearest
   cache. */
#define BATCH_BYTES 16384
#define ALIGNMENT 64

static bool has_shared(const mp_stream *stream) {
    return stream->in == mp_stream_network(stream)->input;
}

bool mp_stream_has_room(const mp_stream *stream) {
    size_t limit = mp_stream_limits(stream)->read_buffer;
    return limit == 0 || mp_buffer_held(stream->in) < limit;
}

/* The stream's own buffer had `before` bytes of memory. Whether the stream is read may depend on it. */
static void count(mp_stream *stream, size_t before) {
    mp_network *network = mp_stream_network(stream);
    size_t after = mp_buffer_memory(stream->in);
    if (after == before)
        return;
    mp_overload_count(network, before, after);
    if (network->overload.share != SIZE_MAX)
        mp_stream_reconsider(stream);
}

/* Frees the stream's own buffer. */
static void drop_own(mp_stream *stream) {
    size_t before = mp_buffer_memory(stream->in);
    free(stream->in);
    stream->in = NULL;
    count(stream, before);
}

/* Frees an emptied buffer: an idle stream has none. */
static void tidy(mp_stream *stream) {
    if (stream->in && !has_shared(stream) && mp_buffer_held(stream->in) == 0 &&
        !(stream->flags & FLAG_TRANSACTION))
        drop_own(stream);
}

void mp_stream_drop_input(mp_stream *stream) {
    if (has_shared(stream)) {
        mp_buffer_reset(stream->in);
        stream->in = NULL;
    } else if (stream->in) {
        drop_own(stream);
    }
}

/* Appends to the stream's own buffer. Returns 0 or -ENOMEM. */
static int append(mp_stream *stream, const char *data, size_t size) {
    size_t before = mp_buffer_memory(stream->in);
    int result = mp_buffer_append(&stream->in, data, size);
    count(stream, before);
    return result;
}

/* --- receiving ------------------------------------------------------------------------------------------ */

/* The buffer is full: from now on TCP's own window stops the peer. */
static void rest(mp_stream *stream) {
    if (mp_stream_has_room(stream) || (stream->flags & FLAG_READ_FULL))
        return;
    stream->flags |= FLAG_READ_FULL;
    size_t limit = mp_stream_limits(stream)->read_buffer;
    if (limit >= mp_default_limits.read_buffer && !(stream->flags & FLAG_LIMIT_LOGGED)) {
        stream->flags |= FLAG_LIMIT_LOGGED;
        mp_log(stream->object.loop->log_level, MP_LOG_WARNING,
               "socket %d: the read buffer is full (%zu bytes); receiving pauses until the script reads",
               stream->watcher.fd, limit);
    }
    mp_stream_update_watcher(stream);
}

/* Inline, so that the call of each arrival becomes a part of its caller, although others call it too. */
inline bool mp_stream_keep_rest(mp_stream *stream) {
    if (has_shared(stream)) {
        mp_buffer *shared = stream->in;
        stream->in = NULL;
        if (mp_buffer_held(shared) > 0) {
            if (!(stream->in = mp_buffer_clone(shared)))
                return false;
            count(stream, 0);
        }
    }
    if (stream->in)
        rest(stream);
    return true;
}

bool mp_stream_take_arrival(mp_stream *stream, uint32_t start, uint32_t size) {
    mp_buffer *shared = mp_stream_network(stream)->input;
    assert(size > 0 && start + size <= shared->capacity && stream->in != shared);
    if (stream->in)
        return append(stream, shared->data + start, size) == 0;
    mp_buffer_reset(shared);
    shared->start = start;
    shared->end = start + size;
    stream->in = shared;
    if (stream->flags & FLAG_TRANSACTION)
        shared->mark = start;
    return true;
}

void mp_stream_drop_arrival(mp_stream *stream) {
    mp_network *network = mp_stream_network(stream);
    assert(stream->flags & FLAG_ARRIVED);
    for (uint32_t i = 0; i < network->arrival_count; i++)
        if (network->arrivals[i].stream == stream)
            network->arrivals[i].stream = NULL;
    stream->flags &= ALL_BUT(FLAG_ARRIVED);
}

const char *mp_stream_arrival(const mp_stream *stream, size_t *size) {
    const mp_network *network = mp_stream_network(stream);
    *size = 0;
    for (uint32_t i = 0; (stream->flags & FLAG_ARRIVED) && i < network->arrival_count; i++)
        if (network->arrivals[i].stream == stream) {
            *size = network->arrivals[i].size;
            return network->input->data + network->arrivals[i].start;
        }
    return "";
}

/* The bytes stay in the shared buffer until the handler runs. A small amount leaves room for other
   streams. */
static void arrived(mp_stream *stream, uint32_t size) {
    mp_network *network = mp_stream_network(stream);
    assert(network->arrival_count < MP_BATCH && !(stream->flags & FLAG_ARRIVED));
    if (stream->extras)
        mp_idle_moved(&stream->extras->idle, MP_IDLE_READ);
    stream->flags |= FLAG_ARRIVED;
    network->arrivals[network->arrival_count++] = (mp_arrival){stream, network->input_used, size};
    network->input_used += (size + ALIGNMENT - 1) & ~(uint32_t)(ALIGNMENT - 1);
}

bool mp_stream_is_batch_full(const mp_network *network) {
    return network->arrival_count == MP_BATCH || network->input_used > BATCH_BYTES;
}

/* Receives by a transport. Returns the bytes; or 0, and *part says what happened instead. */
static ssize_t receive_carried(mp_stream *stream, void *data, size_t size, mp_part_result *part) {
    if (!mp_stream_is_carrying(stream))
        return 0;
    mp_transport_result result = mp_stream_transport(stream)->receive(stream, data, size);
    if (stream->flags & FLAG_CARRIED)
        mp_stream_note_move(stream, &result, &stream->extras->carrier.receive_waits);
    if (result.outcome == MP_TRANSPORT_END)
        *part = (mp_part_result){MP_END, MP_FAULT_REMOTE_CLOSED};
    else if (result.outcome == MP_TRANSPORT_TRUNCATED || result.outcome == MP_TRANSPORT_BROKEN)
        *part = (mp_part_result){MP_BROKEN, result.fault};
    if (result.outcome == MP_TRANSPORT_CONGESTED)
        mp_stream_note_congestion(stream);
    if (part->outcome == MP_BROKEN)
        mp_stream_end_carrier(stream);
    else if ((stream->flags & FLAG_CARRIED) && result.outcome == MP_TRANSPORT_BYTES)
        mp_stream_hear_pending(stream);
    return result.outcome == MP_TRANSPORT_BYTES ? result.n : 0;
}

/* The same for a plain socket. */
static inline ssize_t receive_plain(mp_stream *stream, void *data, size_t size, mp_part_result *part) {
    ssize_t n = mp_system_receive(stream->watcher.fd, data, size, false);
    if (n > 0)
        return n;
    if (n == 0)
        *part = (mp_part_result){MP_END, MP_FAULT_REMOTE_CLOSED};
    else if (n != -EAGAIN && n != -EWOULDBLOCK)
        *part = (mp_part_result){MP_BROKEN, (uint8_t)mp_fault_from_errno(MP_ATTEMPT_READ, (int)-n)};
    return 0;
}

mp_part_result mp_stream_receive(mp_stream *stream) {
    mp_network *network = mp_stream_network(stream);
    mp_part_result part = {MP_NOTHING, MP_FAULT_NONE};
    assert(mp_stream_is_sound(stream) && network->input_used < network->input->capacity);
    size_t limit = mp_stream_limits(stream)->read_buffer;
    size_t size = network->input->capacity - network->input_used;
    if (stream->state != MP_STATE_CONNECTED || (stream->flags & network->overload.deaf))
        return part;
    if (limit > 0) {
        size_t held = mp_buffer_held(stream->in);
        if (held >= limit) {
            rest(stream);
            return part;
        }
        if (limit - held < size)
            size = limit - held;
    }
    char *data = network->input->data + network->input_used;
    ssize_t n = mp_stream_is_plain(stream) ? receive_plain(stream, data, size, &part)
                                           : receive_carried(stream, data, size, &part);
    if (n > 0) {
        arrived(stream, (uint32_t)n);
        part.outcome = MP_GOING_ON;
    }
    return part;
}

/* --- what is unread ------------------------------------------------------------------------------------- */

const char *mp_stream_peek(const mp_stream *stream, size_t *size) {
    assert(mp_stream_is_sound(stream));
    *size = mp_buffer_size(stream->in);
    return stream->in ? stream->in->data + stream->in->start : "";
}

char *mp_stream_unread(mp_stream *stream, size_t *size) {
    assert(mp_stream_is_sound(stream));
    *size = mp_buffer_size(stream->in);
    return stream->in ? stream->in->data + stream->in->start : NULL;
}

size_t mp_stream_line(const mp_stream *stream) {
    assert(mp_stream_is_sound(stream));
    return stream->in ? mp_buffer_line(stream->in) : 0;
}

void mp_stream_consume(mp_stream *stream, size_t size) {
    assert(mp_stream_is_sound(stream));
    if (!stream->in)
        return;
    size_t unread = mp_buffer_size(stream->in);
    stream->in->start += size < unread ? size : unread;
    tidy(stream);
    if ((stream->flags & FLAG_READ_FULL) && mp_stream_has_room(stream))
        mp_stream_hear(stream, FLAG_READ_FULL);
}

bool mp_stream_may_keep_input(const mp_stream *stream) {
    const mp_network *network = mp_stream_network(stream);
    return has_shared(stream) && !(stream->flags & FLAG_TRANSACTION) &&
           network->delivered == network->arrival_count;
}

void mp_stream_keep_input(mp_stream *stream, mp_buffer *next) {
    assert(mp_stream_may_keep_input(stream));
    stream->in = NULL;
    mp_stream_network(stream)->input = next;
}

int mp_stream_unget(mp_stream *stream, char c) {
    assert(mp_stream_is_sound(stream));
    if (stream->flags & FLAG_TRANSACTION)
        return -EBUSY;
    /* A few bytes fit into the shared buffer's headroom; for more, the data moves to the stream's own
       buffer. */
    if (stream->in && has_shared(stream) && stream->in->start == 0) {
        mp_buffer *own = mp_buffer_clone(stream->in);
        if (!own)
            return -ENOMEM;
        stream->in = own;
        count(stream, 0);
    }
    if (stream->in && has_shared(stream))
        return mp_buffer_unget(&stream->in, c);
    size_t before = mp_buffer_memory(stream->in);
    int result = mp_buffer_unget(&stream->in, c);
    count(stream, before);
    return result;
}

int mp_stream_start_transaction(mp_stream *stream) {
    assert(mp_stream_is_sound(stream));
    if (stream->flags & FLAG_TRANSACTION)
        return -EINVAL;
    stream->flags |= FLAG_TRANSACTION;
    if (stream->in)
        stream->in->mark = stream->in->start;
    return 0;
}

static int end_transaction(mp_stream *stream, bool rollback) {
    assert(mp_stream_is_sound(stream));
    if (!(stream->flags & FLAG_TRANSACTION))
        return -EINVAL;
    stream->flags &= ALL_BUT(FLAG_TRANSACTION);
    if (stream->in) {
        if (rollback)
            mp_buffer_rewind(stream->in);
        stream->in->mark = MP_BUFFER_NO_MARK;
    }
    mp_stream_consume(stream, 0);
    return 0;
}

int mp_stream_commit_transaction(mp_stream *stream) {
    return end_transaction(stream, false);
}

int mp_stream_rollback_transaction(mp_stream *stream) {
    return end_transaction(stream, true);
}

/* --- pauses --------------------------------------------------------------------------------------------- */

void mp_stream_keep_arrival(mp_stream *stream) {
    size_t size;
    const char *data = mp_stream_arrival(stream, &size);
    if (size == 0 || !(stream->open_mode & MP_READ_ONLY) || append(stream, data, size) < 0)
        return;
    mp_stream_drop_arrival(stream);
    stream->bytes_read += size;
    mp_stream_network(stream)->traffic.bytes_read += size;
    rest(stream);
}

void mp_stream_pause(mp_stream *stream) {
    assert(mp_stream_is_sound(stream));
    stream->paused = true;
    mp_stream_keep_arrival(stream);
    mp_stream_update_watcher(stream);
}

void mp_stream_resume(mp_stream *stream) {
    assert(mp_stream_is_sound(stream));
    if (!stream->paused)
        return;
    stream->paused = false;
    mp_stream_update_watcher(stream);
    if (stream->flags & FLAG_CARRIED)
        mp_stream_hear_pending(stream);
    if (mp_buffer_size(stream->in) > 0 && mp_stream_is_receiving(stream))
        mp_object_emit(&stream->object, MP_SIGNAL_READY_READ, 0);
}
