/*
 * A stream's output: what it has been given and the system has not taken. A part of the stream that queues
 * and sends; what a failure means for the connection, stream.c decides.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_STREAM_OUTPUT_H
#define MP_STREAM_OUTPUT_H

#include "net/stream_state.h"

/*
 * Queues `size` bytes; they leave when the running handler has returned or waits, and so have those of its
 * batch (loop.h). Taken in HostLookup, Connecting, Connected and Closing. `token` MP_COPY copies; with
 * MP_LEND data stays valid until the upcall `flushed`, which the owner has asked for by mp_network_lend;
 * otherwise until unpin(token). Faults: NOT_OPEN, READ_ONLY, NOT_CONNECTED, WRITE_CHANNEL_CLOSED,
 * WRITE_BUFFER_FULL, RESOURCE; none is signalled.
 */
enum mp_fault mp_stream_write(mp_stream *stream, const char *data, size_t size, int token);

/* The fault that write would return for `size` bytes now; MP_FAULT_NONE: it would take them, if there is
   memory. */
enum mp_fault mp_stream_can_write(const mp_stream *stream, size_t size);

/* Has closeWriteChannel been called on this connection? */
static inline bool mp_stream_write_channel_closed(const mp_stream *stream) {
    return (stream->flags & FLAG_WRITE_CLOSED) != 0;
}

/* --- for host/ only ------------------------------------------------------------------------------------- */

/* Puts a stream with unsent output on the list that the send phase goes through; does nothing to one that
   stands there. */
void mp_stream_mark_dirty(mp_stream *stream);

/* The next of the list, taken off it; NULL: there is none. */
mp_stream *mp_stream_next_dirty(mp_network *network);

/* Takes a stream that vanishes off it. */
void mp_stream_unmark_dirty(mp_stream *stream);

/* Takes a congested stream off the list of those that are tried again. */
void mp_stream_end_congestion(mp_stream *stream);

/* Sends what is queued until nothing is left or the system takes no more; *sent is how many bytes it has
   taken. Where the system has no memory for it the stream is congested from now on: it is marked dirty again
   a moment later. */
mp_part_result mp_stream_send(mp_stream *stream, size_t *sent);

/* Arms or disarms EV_WRITE after a send, and ends or begins reading again for the high-water mark (D10). */
void mp_stream_balance(mp_stream *stream);

/* Drops what is queued; the stream doesn't wait to send any more, nor with reading for that. */
void mp_stream_drop_output(mp_stream *stream);

/* Has the peer been told by the transport that nothing more comes? True where there is nobody to tell, or
   nothing to tell by. */
bool mp_stream_say_goodbye(mp_stream *stream);

/* Ends the sending side of a connection whose script has closed it and whose queue is empty. */
void mp_stream_end_writing(mp_stream *stream);

#endif
