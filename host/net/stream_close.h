/*
 * The end of a stream, whatever the reason. For host/ only; what the owner calls is in stream.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_STREAM_CLOSE_H
#define MP_STREAM_CLOSE_H

#include "net/stream_state.h"

/* For the behaviour of a class: its own steps have numbers below this one. */
#define MP_STREAM_STEP_FIRST 16

/* Steps of a stream's own in the loop's queue (mp_object_defer). */
enum {
    STEP_CONNECTED = MP_STREAM_STEP_FIRST,
    STEP_ANNOUNCED,
    STEP_CLOSE_CONNECTED,
    STEP_CLOSING,
    STEP_CLOSE,
    STEP_UNREAD,
    STEP_FORGET
};

/* The peer ended the connection, by FIN (orderly) or not (RST, a failed write): begins the close. */
void mp_stream_remote_closed(mp_stream *stream, enum mp_fault fault, bool orderly);

/* Has its mover, if any, leave the stream. */
void mp_stream_leave_mover(mp_stream *stream, enum mp_fault fault);

/* QIODevice::close, of an open device: signals aboutToClose, and drops the input. */
void mp_stream_close_device(mp_stream *stream);

/* STEP_CLOSE: leaves ClosingState when its work is done. */
void mp_stream_try_close(mp_stream *stream);

/* STEP_UNREAD: closes a connection whose line is too long and whose input nobody reads. Otherwise nothing
   more could arrive, not even its end. */
void mp_stream_close_unread(mp_stream *stream);

/* mp_stream_close_write_channel for the stream's mover. */
enum mp_fault mp_stream_finish_writing(mp_stream *stream);

/* Stops everything and closes the descriptor. With `gently`, the system still delivers what it has taken. No
   signal. */
void mp_stream_shut(mp_stream *stream, bool gently);

#endif
