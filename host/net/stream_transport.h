/*
 * Putting a transport under a stream.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_STREAM_TRANSPORT_H
#define MP_STREAM_TRANSPORT_H

#include "net/stream_state.h"

/*
 * Has `transport` carry the stream's bytes from now on, with a state of its own. What is unread is the
 * transport's; nothing may be queued on a connection. Its handshake begins when there is a connection, and
 * nothing is sent or received before it is done; then the class is told (`opened`). Released with the
 * connection, when a connect fails, and when the stream is closed or aborted before. Returns 0, or -errno and
 * nothing has changed: the state is still the caller's.
 */
int mp_stream_set_transport(mp_stream *stream, const mp_transport *transport, void *state);

/* A transport that has answered SUSPENDED can go on. */
void mp_stream_end_suspension(mp_stream *stream);

#endif
