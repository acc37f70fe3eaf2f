/*
 * A write queue: what a socket still has to send, as a ring of chunks. Small writes are copied together; a large string
 * is sent from where it lies (its owner pins it and is told when it may go), and so is one of medium size that is the first, but
 * only at once: what isn't sent then is copied. An empty queue owns nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_WRITE_QUEUE_H
#define MP_WRITE_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "loop/loop.h"

/* No token: the bytes were copied. */
#define MP_COPY (-1)

/* No token: the bytes stay valid until the upcall `flushed`. */
#define MP_BORROW (-2)

typedef struct mp_write_queue {
    mp_chunk *tail; /* tail->next is the head; NULL = empty */
    size_t bytes;
} mp_write_queue;

/* Appends a copy (token MP_COPY) or a reference that the unpin upcall ends, or mp_write_queue_own. Returns 0 or -ENOMEM, nothing
   changed. MP_BORROW is for an empty queue, of a socket that is flushed before the upcall. */
int mp_write_queue_append(mp_write_queue *queue, mp_loop *loop, const char *data, size_t size, int token);

/* Fills at most `count` vectors with what is to be sent next; returns how many. */
int mp_write_queue_vectors(const mp_write_queue *queue, struct iovec *vectors, int count);

/* Removes `size` bytes that were sent. */
void mp_write_queue_consume(mp_write_queue *queue, mp_loop *loop, size_t size);

/* Copies what is borrowed. Returns 0 or -ENOMEM, nothing changed. */
int mp_write_queue_own(mp_write_queue *queue, mp_loop *loop);

/* Drops everything. */
void mp_write_queue_clear(mp_write_queue *queue, mp_loop *loop);

/* Frees the loop's spare chunks. */
void mp_write_queue_free_spares(mp_loop *loop);

#endif
