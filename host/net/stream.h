/*
 * Streams: what every connected object has, whatever carries its bytes, with QTcpSocket's state machine. This
 * file has life, events and closing. A TcpSocket is a stream with addresses and a way to connect
 * (tcp_socket.h). The headers are the specification: what each call does, and which signals follow from the
 * loop. Differences from Qt have their number (D1 and so on) from docs/from-qt.md.
 *
 * A failing call returns the fault (MP_FAULT_NONE is 0 and means success). It changes nothing unless its
 * comment says so. Calls that may cause signals need the object held (mp_object_hold).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_STREAM_H
#define MP_STREAM_H

#include "net/stream_state.h"

/* Makes a new stream of a class: UnconnectedState, not open. Zeroes the memory up to the end of the
   mp_stream. */
void mp_stream_init(mp_stream *stream, mp_network *network, const mp_stream_class *stream_class);

/* Closes and frees everything at once; no upcall follows. */
void mp_stream_destroy(mp_stream *stream);

/* QAbstractSocket::disconnectFromHost: what is queued is sent first (ClosingState), buffered input stays
   readable. */
void mp_stream_disconnect(mp_stream *stream);

/* QAbstractSocket::abort: closes at once, drops both buffers. */
void mp_stream_abort(mp_stream *stream);

/* QIODevice::close: drops the input, then acts as disconnectFromHost. */
void mp_stream_close(mp_stream *stream);

/* Ends a connection that failed with `fault`: signals errorOccurred(fault) while it is still Connected, and
   then a close. Drops unsent data; unread input stays. */
void mp_stream_fail(mp_stream *stream, enum mp_fault fault);

/* QIODevice::open: clears both buffers and the error. */
void mp_stream_open(mp_stream *stream, int open_mode);

/* Sends as much as the system takes now; true if anything was sent. */
bool mp_stream_flush(mp_stream *stream);

/*
 * QProcess::closeWriteChannel, for streams: no more data can be written, and the peer sees the end after the
 * queued data (while connecting: after the connection has sent it). Reading continues, and the connection
 * closes by itself after the peer's end. A pipe has only one side: one opened WriteOnly closes as by
 * disconnect. Does nothing if already called. Faults: NOT_CONNECTED; UNSUPPORTED (a readable pipe).
 */
enum mp_fault mp_stream_close_write_channel(mp_stream *stream);

/* Call it after a handler at work on the stream ended: a close may have waited for it (D4). */
void mp_stream_handler_ended(mp_stream *stream);

/* A handler of sslErrors begins (1) to be at work on the stream, or ends that (-1): its verdict is waited
   for. */
void mp_stream_handler_judges(mp_stream *stream, int change);

/* A line is longer than the read buffer: READ_BUFFER_FULL. Unless a handler is at work on the stream or reads
   on, the stream closes as by disconnect, after the running handler has returned or waits. */
void mp_stream_line_too_long(mp_stream *stream);

/* For the upcall `arrived`: the next stream that has received something, to run its handlers; NULL: there is
   none. First, what the previous stream's handlers left unread moves to that stream's own buffer. `receiver`
   is the last stream returned, or NULL after it was destroyed. */
mp_stream *mp_stream_next_arrival(mp_network *network);

/* --- for host/ only ------------------------------------------------------------------------------------- */

/* Starts to read and write on the connection `fd`. No signal. False: it couldn't, and the stream is
   failing. */
bool mp_stream_establish(mp_stream *stream, int fd);

/* Takes over the connection `fd` that `listener` accepted; no signal. */
void mp_stream_accepted(mp_stream *stream, mp_listener *listener, int fd);

/* Announces a connection after a connect: `connected` follows, and then queued data is sent. */
void mp_stream_announce(mp_stream *stream);

/* Ends a stream that nobody has taken: no signal. */
void mp_stream_vanish(mp_stream *stream);

/* Starts, restarts or stops the idle time-out by the limits. Returns 0 or -ENOMEM. */
int mp_stream_watch_idle(mp_stream *stream);

/* For the behaviour of a class; its own steps have numbers below MP_STREAM_STEP_FIRST (stream_close.h). */
bool mp_stream_is_active(const mp_object *object);
void mp_stream_step(mp_object *object, int number);

/* The phases of a turn, see loop.h. */
void mp_stream_run(mp_loop *loop);
void mp_stream_send_all(mp_loop *loop);

#endif
