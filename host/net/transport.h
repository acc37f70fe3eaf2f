/*
 * The seam for transports: what carries a stream's bytes between its buffers and its descriptor. A plain
 * socket needs none: stream_input.c and stream_output.c call the system themselves, without an indirect call.
 * A pipe has a transport of two functions; encryption needs all of them. A transport is one table of
 * functions and its own state; no file of the stream changes for it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TRANSPORT_H
#define MP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "data/error.h"

typedef struct mp_stream mp_stream;

/* The outcome of a transport's call. */
enum mp_transport_outcome {
    MP_TRANSPORT_BYTES,     /* n bytes have moved; of a handshake and a goodbye: it is done */
    MP_TRANSPORT_END,       /* receive: the peer ended its side, by the transport's rules */
    MP_TRANSPORT_TRUNCATED, /* receive: the connection ended without the peer's word; see `fault` */
    MP_TRANSPORT_AGAIN,     /* nothing can move until the descriptor is ready, see `waits` */
    MP_TRANSPORT_SUSPENDED, /* call nothing until mp_stream_end_suspension */
    MP_TRANSPORT_CONGESTED, /* the system has no memory for it (ENOBUFS, ENOMEM): call again in a moment */
    /* `fault` ended the connection. After send, if the fault is the peer's end, its earlier bytes are
       received first */
    MP_TRANSPORT_BROKEN
};

/* `waits` and `wants` are EV_READ | EV_WRITE. After AGAIN the call `waits` for one or both: receive may wait
   for room to send, and send for something to receive; 0 means its own direction. With any outcome except
   SUSPENDED and CONGESTED, the transport also `wants` events for itself, even of a stream that isn't read, so
   that it can send its own answers. That applies until the next call. When the event comes, send is called,
   with the queue or with nothing. */
typedef struct mp_transport_result {
    ssize_t n; /* with BYTES: of the stream's bytes */
    uint8_t outcome;
    uint8_t waits;
    uint8_t wants;
    uint8_t fault; /* enum mp_fault, with TRUNCATED and BROKEN */
    bool told;     /* with BROKEN: the peer has been sent the reason, and is given time to read it */
} mp_transport_result;

/* Only receive and send are required; NULL means that the transport has nothing to do. */
typedef struct mp_transport {
    const char *name;
    /* Attaches the transport. It takes the unread bytes, which are its own from now on. Called before the
       first byte may be sent. Returns 0, or -errno, and then it isn't attached. */
    int (*begin)(mp_stream *stream, const char *unread, size_t size);
    /* Moves at most `size` bytes from the peer to `data`. Continues over its records until `size` or AGAIN;
       returns BYTES if there are any. */
    mp_transport_result (*receive)(mp_stream *stream, void *data, size_t size);
    /* Takes bytes to send. After AGAIN or CONGESTED it is offered the same bytes again, no fewer. With
       `count` 0 there are no new bytes, and it sends what it has. No other function sends bytes that this one
       took, or sends answers before them. */
    mp_transport_result (*send)(mp_stream *stream, const struct iovec *vectors, int count);
    /* Runs before anything else may move: called when the connection is established, and whenever the
       descriptor is ready. */
    mp_transport_result (*handshake)(mp_stream *stream);
    /* Tells the peer that the stream sends no more. Called after everything else was sent; doesn't wait for
       the peer's goodbye. */
    mp_transport_result (*goodbye)(mp_stream *stream);
    bool (*has_pending)(const mp_stream *stream); /* input, or an end, that the poll doesn't report */
    /* The bytes that send took and the system hasn't: at most the number taken, whatever becomes of them. */
    size_t (*unsent)(const mp_stream *stream);
    const char *(*fault_text)(const mp_stream *stream); /* of its last fault; NULL: the table's text */
    void (*release)(mp_stream *stream);                 /* frees its state; nothing is called after it */
    /* Waits for these events, EV_READ | EV_WRITE, in place of the stream's watcher, to which it then feeds an
       event: for a transport with other descriptors than the stream's. */
    void (*watch)(mp_stream *stream, int events);
} mp_transport;

/* The result of a system call that moves bytes: `n` bytes, or -errno. */
mp_transport_result mp_transport_result_of(enum mp_attempt attempt, ssize_t n);

/* A FIFO, a character device: read(2) and write(2), and no half-close. */
extern const mp_transport mp_transport_pipe;

/* A Unix-domain socket whose bytes come with descriptors: local_socket.h. */
extern const mp_transport mp_transport_descriptors;

#endif
