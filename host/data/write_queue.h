/*
 * A write queue: what a socket still has to send, as a ring of chunks. Small writes are copied together; a
 * large string is sent from where it lies (its owner pins it and is told when it may go), and so is one of
 * medium size that is the first, but only at once: what isn't sent then is copied. An empty queue owns
 * nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_WRITE_QUEUE_H
#define MP_WRITE_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* No token: the bytes were copied. */
#define MP_COPY (-1)

/* No token: the bytes stay valid until whoever wrote them is told that all has been flushed. */
#define MP_LEND (-2)

typedef struct mp_chunk mp_chunk;

/* What the queues of a network share: spare chunks, small and medium ones, and who is told that a reference
   is over. */
typedef struct mp_chunk_pool {
    mp_chunk *spares[2];
    uint32_t counts[2];
    void (*unpin)(void *owner, int token);
    void *owner;
} mp_chunk_pool;

/* A pool without spare chunks. `unpin` may run inside any call below that drops something. */
void mp_chunk_pool_init(mp_chunk_pool *pool, void (*unpin)(void *owner, int token), void *owner);

/* Frees the spare chunks; the pool stays usable. */
void mp_chunk_pool_trim(mp_chunk_pool *pool);

typedef struct mp_write_queue {
    mp_chunk *tail; /* tail->next is the head; NULL = empty */
    size_t bytes;
} mp_write_queue;

/* Appends a copy (token MP_COPY) or a reference that the pool's `unpin` ends, or mp_write_queue_own. Returns
   0 or -ENOMEM, nothing changed. MP_LEND is for an empty queue that is flushed before the bytes go. */
int mp_write_queue_append(mp_write_queue *queue, mp_chunk_pool *pool, const char *data, size_t size,
                          int token);

/* Fills at most `count` vectors with what is to be sent next; returns how many. */
int mp_write_queue_vectors(const mp_write_queue *queue, struct iovec *vectors, int count);

/* Removes `size` bytes that were sent. */
void mp_write_queue_consume(mp_write_queue *queue, mp_chunk_pool *pool, size_t size);

/* Copies what is lent. Returns 0 or -ENOMEM, nothing changed. */
int mp_write_queue_own(mp_write_queue *queue, mp_chunk_pool *pool);

/* Drops what is behind the first `size` bytes. */
void mp_write_queue_cut(mp_write_queue *queue, mp_chunk_pool *pool, size_t size);

/* Drops everything. */
void mp_write_queue_clear(mp_write_queue *queue, mp_chunk_pool *pool);

#endif
