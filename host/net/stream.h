/*
 * Streams: what a connected thing has whatever carries it, with QTcpSocket's state machine. Here: life,
 * events, closing. A TcpSocket is a stream with addresses and a way to connect (tcp_socket.h). The headers
 * are the specification: what each call does, and which signals follow from the loop. Differences from Qt are
 * marked with their number (D1 and so on) in docs/from-qt.md.
 *
 * A failing call returns the fault (MP_FAULT_NONE is 0 and means success) and changes nothing unless it says
 * so. Calls that may cause signals want the object held (mp_object_hold).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_STREAM_H
#define MP_STREAM_H

#include "net/stream_state.h"

/* A fresh stream of a class: UnconnectedState, not open. The memory is zeroed by this up to the end of the
   mp_stream. */
void mp_stream_init(mp_stream *stream, mp_network *network, const mp_stream_class *stream_class);

/* Closes and frees everything at once; no upcall follows. */
void mp_stream_destroy(mp_stream *stream);

/* QAbstractSocket::disconnectFromHost: what is queued is sent first (ClosingState), buffered input stays
   readable. */
void mp_stream_disconnect(mp_stream *stream);

/* QAbstractSocket::abort: closes at once, drops both buffers. */
void mp_stream_abort(mp_stream *stream);

/* QIODevice::close: drops the input, then disconnectFromHost. */
void mp_stream_close(mp_stream *stream);

/* Ends a connection that failed with `fault`: errorOccurred(fault) while it is still Connected, then the
   signals of a close. Drops what was to be sent; unread input stays. */
void mp_stream_fail(mp_stream *stream, enum mp_fault fault);

/* QIODevice::open: clears both buffers and the error. */
void mp_stream_open(mp_stream *stream, int open_mode);

/* Sends now what the system takes; true if anything was sent. */
bool mp_stream_flush(mp_stream *stream);

/*
 * QProcess::closeWriteChannel, for streams: no more is written; the peer sees the end behind what is queued
 * (while connecting: behind what is sent then). Reading goes on; the connection closes by itself when the
 * peer ends too. A pipe has one side only: opened WriteOnly it is closed as by disconnect. Harmless when done
 * already. Faults: NOT_CONNECTED; UNSUPPORTED (a pipe that is read).
 */
enum mp_fault mp_stream_close_write_channel(mp_stream *stream);

/* Called when a handler that was at work on the stream has ended: a close may have waited for it (D4). */
void mp_stream_handler_ended(mp_stream *stream);

/* A line is longer than the read buffer, READ_BUFFER_FULL: if nobody is at work on the stream or reads on, it
   is closed, as by disconnect, once the running handler has returned or waits. */
void mp_stream_line_too_long(mp_stream *stream);

/* For the upcall `arrived`: the next stream that has received something, whose handlers are to run on it;
   NULL: there is none. What those of the stream before left unread becomes that stream's own. `receiver` is
   the last one, or NULL if it is destroyed. */
mp_stream *mp_stream_next_arrival(mp_network *network);

/* --- for host/ only ------------------------------------------------------------------------------------- */

/* Starts to read and write on `fd`: the connection is there. No signal. False: it couldn't, and is
   failing. */
bool mp_stream_establish(mp_stream *stream, int fd);

/* Takes over the connection `fd` that `listener` accepted; no signal. */
void mp_stream_accepted(mp_stream *stream, mp_listener *listener, int fd);

/* Tells that a connect has come to a connection: `connected` follows, then what is queued leaves. */
void mp_stream_announce(mp_stream *stream);

/* Ends a stream that nobody has taken: no signal. */
void mp_stream_vanish(mp_stream *stream);

/* Forgets its idle time-out, or begins it anew with what its limits say. Returns 0 or -ENOMEM. */
int mp_stream_watch_idle(mp_stream *stream);

/* For the behaviour of a class; its own steps have numbers below MP_STREAM_STEP_FIRST (stream_close.h). */
bool mp_stream_is_active(const mp_object *object);
void mp_stream_step(mp_object *object, int number);

/* The phases of a turn, see loop.h. */
void mp_stream_run(mp_loop *loop);
void mp_stream_send_all(mp_loop *loop);

#endif
