/*
 * A stream's input: the bytes that were received and nobody has read yet. This part receives and stores;
 * stream.c decides what an end or a failure means for the connection.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_STREAM_INPUT_H
#define MP_STREAM_INPUT_H

#include "net/stream_state.h"

/* The unread bytes, contiguous, valid until the next call on the stream; *size may be 0. */
const char *mp_stream_peek(const mp_stream *stream, size_t *size);

/* The same, to be changed where they lie; NULL: there are none. */
char *mp_stream_unread(mp_stream *stream, size_t *size);

/* The size of the first unread line with its newline, or 0. A repeated call searches only the new bytes. */
size_t mp_stream_line(const mp_stream *stream);

/* Removes the first `size` unread bytes, or all if there are fewer (a transaction keeps them for rollback).
   Reading resumes if it was paused. */
void mp_stream_consume(mp_stream *stream, size_t size);

/* True if a reader of all unread bytes may keep their memory: it is the network's input buffer, and no other
   stream's bytes are in it. */
bool mp_stream_may_keep_input(const mp_stream *stream);

/* Marks everything as read and leaves the memory to the caller; the network continues with `next`. Only if
   mp_stream_may_keep_input. */
void mp_stream_keep_input(mp_stream *stream, mp_buffer *next);

/* No input is received from now on, nor signalled, until the stream resumes; then what is unread is signalled
   again. The pause ends with the connection. */
void mp_stream_pause(mp_stream *stream);
void mp_stream_resume(mp_stream *stream);

/* Puts a byte in front. Returns 0, -ENOMEM, or -EBUSY within a transaction. */
int mp_stream_unget(mp_stream *stream, char c);

/* QIODevice's transactions. Each returns 0, or -EINVAL where Qt warns (nested start, end without start). */
int mp_stream_start_transaction(mp_stream *stream);
int mp_stream_commit_transaction(mp_stream *stream);
int mp_stream_rollback_transaction(mp_stream *stream);

static inline bool mp_stream_in_transaction(const mp_stream *stream) {
    return (stream->flags & FLAG_TRANSACTION) != 0;
}

/* --- for host/ only ------------------------------------------------------------------------------------- */

/* Receives, and adds the bytes to the network's arrivals if there is room. NOTHING: no bytes now, or the
   stream may not receive. */
mp_part_result mp_stream_receive(mp_stream *stream);

/* True if the arrivals must be delivered before anything else is received. */
bool mp_stream_is_batch_full(const mp_network *network);

/* Makes `size` bytes of the network's input, from `start`, the stream's unread data. False: there is no
   memory, and they are lost. */
bool mp_stream_take_arrival(mp_stream *stream, uint32_t start, uint32_t size);

/* The handlers have run: moves what they left to the stream's own buffer. False: there is no memory, and it
   is lost. */
bool mp_stream_keep_rest(mp_stream *stream);

/* Drops the stream's arrival when its descriptor is closed; the stream has FLAG_ARRIVED. */
void mp_stream_drop_arrival(mp_stream *stream);

/* What has arrived in this turn waits in the stream's own buffer, so that no handler gets it. Without memory
   for that one still does. */
void mp_stream_keep_arrival(mp_stream *stream);

/* The stream's bytes that arrived and wait for its handlers; *size is 0 if there are none. */
const char *mp_stream_arrival(const mp_stream *stream, size_t *size);

/* Drops the unread bytes and their buffer. */
void mp_stream_drop_input(mp_stream *stream);

/* True if the read buffer is below its limit. */
bool mp_stream_has_room(const mp_stream *stream);

#endif
