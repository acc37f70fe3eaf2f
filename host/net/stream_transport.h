/*
 * Putting a transport under a stream.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_STREAM_TRANSPORT_H
#define MP_STREAM_TRANSPORT_H

#include "net/stream_state.h"

/*
 * Has `transport` carry the stream's bytes from now on, with its own `state`. It takes the unread bytes. A
 * connection may have nothing queued. The handshake begins when there is a connection; until it is done,
 * nothing is sent or received. Then the class is told (`opened`). The transport is released with the
 * connection, when a connect fails, and when the stream is closed or aborted before. Returns 0, or -errno
 * with nothing changed: then the state remains the caller's.
 */
int mp_stream_set_transport(mp_stream *stream, const mp_transport *transport, void *state);

/* The same for a transport without begin and handshake, which only moves bytes in another way: unread bytes
   and queued ones stay where they are. Returns 0 or -ENOMEM. */
int mp_stream_set_plain_transport(mp_stream *stream, const mp_transport *transport);

/* A transport that returned SUSPENDED can continue. */
void mp_stream_end_suspension(mp_stream *stream);

#endif
