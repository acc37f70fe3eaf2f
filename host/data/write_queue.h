/*
 * A write queue: what a socket still has to send, as a ring of chunks. Small writes are copied together. A
 * large string is sent from where it lies: its owner pins it and is told when it can unpin it. A string of
 * medium size that comes first is also sent from where it lies, but only at once: what isn't sent then is
 * copied. An empty queue has no memory.
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

/* No token: the bytes stay valid until the caller is told that everything has been flushed. */
#define MP_LEND (-2)

typedef struct mp_chunk mp_chunk;

/* What the queues of a network share: spare small and medium chunks, and the function to call when a
   reference ends. */
typedef struct mp_chunk_pool {
    mp_chunk *spares[2];
    uint32_t counts[2];
    size_t bytes; /* memory of all chunks, spare ones too, and of pinned strings */
    void (*unpin)(void *owner, int token);
    void *owner;
} mp_chunk_pool;

/* Makes a pool without spare chunks. `unpin` may run inside any call below that drops something. */
void mp_chunk_pool_init(mp_chunk_pool *pool, void (*unpin)(void *owner, int token), void *owner);

/* Frees the spare chunks; the pool remains usable. */
void mp_chunk_pool_trim(mp_chunk_pool *pool);

/* The memory that the queues use, in bytes: of chunks that aren't spare, and of strings as often as they
   are pinned. */
size_t mp_chunk_pool_used(const mp_chunk_pool *pool);

typedef struct mp_write_queue {
    mp_chunk *tail; /* tail->next is the head; NULL = empty */
    size_t bytes;
} mp_write_queue;

/* Appends a copy (token MP_COPY), or a reference until the pool's `unpin` or mp_write_queue_own ends it.
   Returns 0 or -ENOMEM with nothing changed. MP_LEND is only for an empty queue that is flushed before the
   bytes become invalid. */
int mp_write_queue_append(mp_write_queue *queue, mp_chunk_pool *pool, const char *data, size_t size,
                          int token);

/* The same with MP_COPY, for others than the script's writes: what has one caller becomes part of it. */
int mp_write_queue_append_copy(mp_write_queue *queue, mp_chunk_pool *pool, const char *data, size_t size);

/* Fills at most `count` vectors with the data to send next; returns how many. */
int mp_write_queue_vectors(const mp_write_queue *queue, struct iovec *vectors, int count);

/* Removes `size` bytes that were sent. */
void mp_write_queue_consume(mp_write_queue *queue, mp_chunk_pool *pool, size_t size);

/* Copies lent bytes. Returns 0 or -ENOMEM with nothing changed. */
int mp_write_queue_own(mp_write_queue *queue, mp_chunk_pool *pool);

/* Drops everything after the first `size` bytes. */
void mp_write_queue_cut(mp_write_queue *queue, mp_chunk_pool *pool, size_t size);

/* Drops everything. */
void mp_write_queue_clear(mp_write_queue *queue, mp_chunk_pool *pool);

#endif
