/*
 * Moving the bytes of a pipe (pipe.h) from one stream to the other. pipe.c decides when, and what an end
 * means.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_PIPE_FLOW_H
#define MP_PIPE_FLOW_H

#include "net/pipe.h"

static inline mp_pipe_side *mp_pipe_other_side(mp_pipe_side *side) {
    return side == side->pipe->sides ? side + 1 : side - 1;
}

/* True if the stream can take more now; false for NULL. */
bool mp_pipe_takes_more(const mp_stream *to);

/* Doesn't read from the stream until mp_stream_hear. */
void mp_pipe_rest(mp_stream *from);

/* Bytes of that side have moved: the pipe isn't idle, and neither are its streams. */
void mp_pipe_touch(mp_pipe_side *from);

/* Queues bytes for a stream. If there is no memory, it fails. */
void mp_pipe_queue(mp_stream *to, const char *data, size_t size);

/* Sends them, or queues what the system doesn't take. */
void mp_pipe_pass(mp_stream *to, const char *data, size_t size);

/* Moves what there is from one side to the other, as far as that one takes it. This may end the pipe. */
void mp_pipe_pump(mp_pipe_side *from);

/* Empties the kernel's pipe of that side. False: the other stream takes no more now. */
bool mp_pipe_pour(mp_pipe_side *from, mp_stream *to);

/* Moves what is in the kernel's pipe of a way to the queue of the stream that it leads to, unless that can't
   send any more or is NULL, and gives the pipe back. */
void mp_pipe_recover(mp_pipe *pipe, mp_pipe_way *way, mp_stream *to);

#endif
