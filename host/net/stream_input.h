/*
 * A stream's input: what it has received and nobody has read. A part of the stream that receives and keeps;
 * what an end or a failure means for the connection, stream.c decides.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_STREAM_INPUT_H
#define MP_STREAM_INPUT_H

#include "net/stream_state.h"

/* Unread bytes, in one piece, valid until the next call on the stream; *size may be 0. */
const char *mp_stream_peek(const mp_stream *stream, size_t *size);

/* The size of the first unread line with its newline, or 0; asked again, it looks only at what has come
   since. */
size_t mp_stream_line(const mp_stream *stream);

/* Takes the first `size` of them away, or all if there are fewer (keeps them for rollback within a
   transaction); reading goes on if it rested. */
void mp_stream_consume(mp_stream *stream, size_t size);

/* May whoever reads all that is unread keep the memory it lies in? It is the network's input buffer, and
   nobody else's bytes are left in it. */
bool mp_stream_may_keep_input(const mp_stream *stream);

/* Has it all read, and leaves the memory to the caller; the network goes on with `next`. Only where it
   may. */
void mp_stream_keep_input(mp_stream *stream, mp_buffer *next);

/* Puts a byte in front. 0, or -ENOMEM, or -EBUSY within a transaction. */
int mp_stream_unget(mp_stream *stream, char c);

/* QIODevice's transactions; each returns 0, or -EINVAL where Qt warns (nested start, end without start). */
int mp_stream_start_transaction(mp_stream *stream);
int mp_stream_commit_transaction(mp_stream *stream);
int mp_stream_rollback_transaction(mp_stream *stream);

static inline bool mp_stream_in_transaction(const mp_stream *stream) {
    return (stream->flags & FLAG_TRANSACTION) != 0;
}

/* --- for host/ only ------------------------------------------------------------------------------------- */

/* Receives, and leaves what came among the network's arrivals, where there is room for one more. NOTHING:
   there is nothing now, or nothing is to be received. */
mp_part_result mp_stream_receive(mp_stream *stream);

/* Must what has arrived be delivered before anything else is received? */
bool mp_stream_is_batch_full(const mp_network *network);

/* Makes `size` bytes of the network's input, from `start`, the stream's unread data. False: there is no
   memory, and they are lost. */
bool mp_stream_take_arrival(mp_stream *stream, uint32_t start, uint32_t size);

/* The handlers have run: what they left moves to the stream's own buffer. False: there is no memory, and it
   is lost. */
bool mp_stream_keep_rest(mp_stream *stream);

/* Drops what has arrived for the stream: it has a FLAG_ARRIVED, and its descriptor goes. */
void mp_stream_drop_arrival(mp_stream *stream);

/* What has arrived for the stream and waits for its handlers; *size is 0 if there is nothing. */
const char *mp_stream_arrival(const mp_stream *stream, size_t *size);

/* Drops what nobody has read, and the buffer with it. */
void mp_stream_drop_input(mp_stream *stream);

/* Does the read buffer take more before it reaches its bound? */
bool mp_stream_has_room(const mp_stream *stream);

#endif
