/*
 * The seam for transports: what carries a stream's bytes between its buffers and its descriptor. A plain
 * socket needs none (stream_input.c and stream_output.c call the system themselves, without an indirect
 * call); a pipe has one of two functions, encryption fills in all of it. A transport is one table of
 * functions and a state of its own, and no file of the stream changes for it.
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

/* How a call of a transport came out. */
enum mp_transport_outcome {
    MP_TRANSPORT_BYTES,     /* n bytes have moved; of a handshake and a goodbye: it is done */
    MP_TRANSPORT_END,       /* receive: the peer has ended its side as the transport's rules say */
    MP_TRANSPORT_TRUNCATED, /* receive: the connection has ended, and the peer hasn't said so: `fault` */
    MP_TRANSPORT_AGAIN,     /* nothing can move until the descriptor is ready, see `waits` */
    MP_TRANSPORT_SUSPENDED, /* nothing is to be called until mp_stream_end_suspension */
    /* `fault` has ended the connection; of send: if it is the peer's end, what came before is received
       first */
    MP_TRANSPORT_BROKEN
};

/* `waits` and `wants` are of EV_READ | EV_WRITE. A call that was AGAIN `waits` for one or both: receive may
   have to wait for room to send, and send for something to receive; 0 is its own direction. With any outcome
   but SUSPENDED the transport `wants` the others beside, also of a stream that isn't read: an answer of its
   own has to leave. That holds until the next call, and when it comes send is called, with what is queued or
   nothing. */
typedef struct mp_transport_result {
    ssize_t n; /* bytes of the stream's, with BYTES */
    uint8_t outcome;
    uint8_t waits;
    uint8_t wants;
    uint8_t fault; /* enum mp_fault, with TRUNCATED and BROKEN */
} mp_transport_result;

/* Only receive and send must be there; what is NULL means that the transport has nothing to do then. */
typedef struct mp_transport {
    const char *name;
    /* It is attached: takes what is unread, which is its own from now on. Comes before the first byte may
       leave. 0, or -errno and it isn't attached. */
    int (*begin)(mp_stream *stream, const char *unread, size_t size);
    /* Moves at most `size` bytes of the peer's to `data`: goes on over its records until `size` or AGAIN;
       BYTES if there are any. */
    mp_transport_result (*receive)(mp_stream *stream, void *data, size_t size);
    /* Takes bytes to send. After AGAIN it is offered the same ones again, no fewer. `count` 0: there are
       none, it sends what it has. No other function sends what this one has taken, or answers in front of
       it. */
    mp_transport_result (*send)(mp_stream *stream, const struct iovec *vectors, int count);
    /* Before anything else may move: called when the connection is there and each time that the descriptor is
       ready. */
    mp_transport_result (*handshake)(mp_stream *stream);
    /* The stream sends no more: tells the peer so. Called when all else has left; doesn't wait for the
       peer's. */
    mp_transport_result (*goodbye)(mp_stream *stream);
    bool (*has_pending)(const mp_stream *stream); /* input, or an end, that the poll doesn't tell of */
    /* Of the bytes that send has taken those that the system hasn't yet: no more than were taken, whatever
       becomes of them. */
    size_t (*unsent)(const mp_stream *stream);
    const char *(*fault_text)(const mp_stream *stream); /* of its last fault; NULL: what the table says */
    void (*release)(mp_stream *stream);                 /* frees its state; nothing is called after it */
} mp_transport;

/* A FIFO, a character device: read(2) and write(2), and no half-close. */
extern const mp_transport mp_transport_pipe;

#endif
