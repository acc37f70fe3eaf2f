/*
 * A trace: somebody sees the bytes of one stream as they come and go. It wraps the stream's transport, and
 * gives a plain socket one, so a stream without a trace knows nothing of it. With encryption, the bytes are
 * those that the script has.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TRACE_H
#define MP_TRACE_H

#include "net/stream_state.h"

typedef struct mp_trace {
    mp_stream *stream; /* NULL: it has ended */
    struct mp_trace *next;
    const mp_transport *wrapped; /* NULL: the plain socket */
    mp_transport table;          /* the stream's transport meanwhile */
    /* Bytes have moved, by `sent` to the peer. Nothing of the network may be called. */
    void (*moved)(struct mp_trace *trace, bool sent, const char *data, size_t size);
    /* The connection has ended, or it can't be traced any longer. The same holds. */
    void (*ended)(struct mp_trace *trace);
} mp_trace;

/* Begins; `moved` and `ended` are set. Returns NULL, or why it can't. */
const char *mp_trace_start(mp_trace *trace, mp_stream *stream);

/* Ends it without a call. Does nothing if it has ended. */
void mp_trace_stop(mp_trace *trace);

/* The stream needs a transport of its own: ends its trace, if it has one. */
void mp_trace_give_way(mp_stream *stream);

#endif
