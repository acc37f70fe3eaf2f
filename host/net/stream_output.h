/*
 * A stream's output: what was written and the system has not taken yet. This part queues and sends; stream.c
 * decides what a failure means for the connection.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_STREAM_OUTPUT_H
#define MP_STREAM_OUTPUT_H

#include "net/stream_state.h"

/*
 * Queues `size` bytes. They are sent after the running handler and the others of its batch have returned or
 * wait (loop.h). Allowed in HostLookup, Connecting, Connected and Closing. MP_COPY as `token` copies. With
 * MP_LEND the data must stay valid until the upcall `flushed`, which the owner requests by mp_network_lend;
 * with any other token, until unpin(token). Faults: NOT_OPEN, READ_ONLY, NOT_CONNECTED, WRITE_CHANNEL_CLOSED,
 * WRITE_BUFFER_FULL, RESOURCE; none is signalled.
 */
enum mp_fault mp_stream_write(mp_stream *stream, const char *data, size_t size, int token);

/* The same with a copy of `head` in front; neither is empty, and the token isn't MP_LEND. After RESOURCE the
   head may be queued alone: the caller must end the connection. */
enum mp_fault mp_stream_write_headed(mp_stream *stream, const char *head, size_t head_size, const char *data,
                                     size_t size, int token);

/* The fault that a write of `size` bytes would return now; MP_FAULT_NONE: it would succeed if there is
   memory. */
enum mp_fault mp_stream_can_write(const mp_stream *stream, size_t size);

/* True after closeWriteChannel on this connection. */
static inline bool mp_stream_write_channel_closed(const mp_stream *stream) {
    return (stream->flags & FLAG_WRITE_CLOSED) != 0;
}

/* --- for host/ only ------------------------------------------------------------------------------------- */

/* Puts a stream with unsent output on the list for the send phase; does nothing if it is on the list. */
void mp_stream_mark_dirty(mp_stream *stream);

/* Removes the next stream from the list and returns it; NULL: there is none. */
mp_stream *mp_stream_next_dirty(mp_network *network);

/* Removes a stream from the list, before it is destroyed. */
void mp_stream_unmark_dirty(mp_stream *stream);

/* The system has no memory for more: the stream tries again in a moment. Until then it doesn't call its
   transport, if it has one. */
void mp_stream_note_congestion(mp_stream *stream);

/* Removes a congested stream from the list of those that try again. */
void mp_stream_end_congestion(mp_stream *stream);

/* Sends the queue until it is empty or the system takes no more; *sent is the number of bytes that it took.
   If the system has no memory for more, the stream becomes congested: it is marked dirty again a moment
   later. */
mp_part_result mp_stream_send(mp_stream *stream, size_t *sent);

/* After a send: arms or disarms EV_WRITE, and stops or resumes reading by the high-water mark (D10). */
void mp_stream_balance(mp_stream *stream);

/* Drops the queue; the stream no longer waits to send, and reading no longer waits for that. */
void mp_stream_drop_output(mp_stream *stream);

/* Has the transport say goodbye. True if it has told the peer that nothing more follows, and also if there is
   no peer to tell or no transport. */
bool mp_stream_say_goodbye(mp_stream *stream);

/* Ends the sending side of a connection that the script has closed for writing and whose queue is empty. */
void mp_stream_end_writing(mp_stream *stream);

#endif
