/*
 * A pipe between two streams: it moves what arrives on each to the other, without the script. It passes on
 * half-closes, and reads from one only as fast as the other takes the bytes. It has nothing to do with the
 * FIFOs of transport_pipe.c.
 *
 * Between two plain sockets a wake-up makes one recv and one send. Large amounts move by splice(2). Others
 * move by the streams' buffers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_PIPE_H
#define MP_PIPE_H

#include "net/kernel_pipe.h"
#include "net/stream_state.h"

typedef struct mp_pipe mp_pipe;

/* One direction. */
typedef struct mp_pipe_way {
    mp_kernel_pipe *kernel; /* while bytes are in it, else NULL */
    uint64_t bytes;         /* taken from the one stream for the other */
    bool large;             /* the last recv was full: splice is worth its calls */
    bool copies;            /* splice isn't possible */
    bool ended;             /* no more bytes come */
    bool closed;            /* the end was passed on */
} mp_pipe_way;

typedef struct mp_pipe_side {
    mp_mover mover; /* of the stream */
    mp_pipe *pipe;
    mp_stream *stream; /* NULL: it has left */
    mp_pipe_way out;   /* what comes from it */
} mp_pipe_side;

/* In the memory of its owner. Private, except that `fault` and the bytes of a way may be read when it is
   over. */
struct mp_pipe {
    mp_network *network;
    mp_pipe_side sides[2];
    mp_idle idle;
    bool running;
    uint8_t fault; /* why it is over; MP_FAULT_NONE: both peers have finished, and everything was sent */
    void (*done)(mp_pipe *pipe);
};

/*
 * Begins to move the bytes of `a` to `b` and of `b` to `a`, those first that were read or queued before. Both
 * must be held by their owner. Without a byte either way for `idle` milliseconds (0: any time) it ends.
 * `done` is called when it is over, perhaps within this call; then the script has the streams again, as they
 * are. Returns MP_FAULT_NONE, or why it can't begin, and then nothing has changed.
 */
enum mp_fault mp_pipe_start(mp_pipe *pipe, mp_stream *a, mp_stream *b, double idle,
                            void (*done)(mp_pipe *pipe));

/* Ends it before that, without calling `done`; does nothing if it isn't running. */
void mp_pipe_end(mp_pipe *pipe);

#endif
