/*
 * The end of a stream, for whatever reason: for host/ only, what the owner calls stands in stream.h.
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

/* The peer has ended, in order (FIN) or not (RST, a failed write): begins the close that this brings. */
void mp_stream_remote_closed(mp_stream *stream, enum mp_fault fault, bool orderly);

/* STEP_CLOSE: ends a ClosingState whose work is done. */
void mp_stream_try_close(mp_stream *stream);

/* STEP_UNREAD: closes a connection whose line is too long and whose input nobody reads on: nothing could come
   any more, not even its end. */
void mp_stream_close_unread(mp_stream *stream);

/* Stops everything and closes the descriptor; `gently` lets the system deliver what it has taken. No
   signal. */
void mp_stream_shut(mp_stream *stream, bool gently);

#endif
