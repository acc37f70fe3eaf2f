/*
 * Write queues; see write_queue.h. The pool keeps spare small chunks, so a request and its answer allocate
 * nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/write_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A small chunk holds a typical answer, a medium one the answers to several requests at once. The pool keeps
   spare chunks of both sizes. Later data in the same queue goes to large chunks. */
enum { SMALL, MEDIUM, CLASSES };
static const struct {
    size_t room;
    uint32_t spares;
} classes[CLASSES] = {{464, 256}, {4048, 64}};

#define LARGE_ROOM 16336

struct mp_chunk {
    mp_chunk *next;
    const char *data;
    size_t start, end;
    uint32_t room; /* of bytes[]; 0 for a reference */
    int32_t token; /* of a reference, else MP_COPY or MP_LEND */
    char bytes[];
};

/* True if the members agree with each other; for assertions. */
static inline bool is_sound(const mp_write_queue *queue) {
    return (queue->bytes == 0) == (queue->tail == NULL);
}

static int class_for(size_t room) {
    int class = SMALL;
    while (class < CLASSES && room > classes[class].room)
        class ++;
    return class;
}

static mp_chunk *new_chunk(mp_chunk_pool *pool, size_t room) {
    int class = class_for(room);
    mp_chunk *chunk = class < CLASSES ? pool->spares[class] : NULL;
    assert(class == CLASSES || (pool->counts[class] == 0) == (chunk == NULL));
    if (class < CLASSES)
        room = classes[class].room;
    if (chunk) {
        pool->spares[class] = chunk->next;
        pool->counts[class]--;
    } else {
        chunk = malloc(sizeof *chunk + room);
        if (!chunk)
            return NULL;
        pool->bytes += sizeof *chunk + room;
    }
    chunk->data = chunk->bytes;
    chunk->start = chunk->end = 0;
    assert(room <= UINT32_MAX);
    chunk->room = (uint32_t)room;
    chunk->token = MP_COPY;
    return chunk;
}

static void free_chunk(mp_chunk_pool *pool, mp_chunk *chunk) {
    int class = class_for(chunk->room);
    if (chunk->token >= 0) {
        pool->bytes -= chunk->end;
        pool->unpin(pool->owner, chunk->token);
    }
    if (class < CLASSES && pool->counts[class] < classes[class].spares) {
        chunk->next = pool->spares[class];
        pool->spares[class] = chunk;
        pool->counts[class]++;
    } else {
        pool->bytes -= sizeof *chunk + chunk->room;
        free(chunk);
    }
}

size_t mp_chunk_pool_used(const mp_chunk_pool *pool) {
    size_t spare = 0;
    for (int class = 0; class < CLASSES; class ++)
        spare += pool->counts[class] * (sizeof(mp_chunk) + classes[class].room);
    assert(spare <= pool->bytes);
    return pool->bytes - spare;
}

void mp_chunk_pool_init(mp_chunk_pool *pool, void (*unpin)(void *owner, int token), void *owner) {
    *pool = (mp_chunk_pool){.unpin = unpin, .owner = owner};
}

void mp_chunk_pool_trim(mp_chunk_pool *pool) {
    for (int class = 0; class < CLASSES; class ++) {
        for (mp_chunk *chunk = pool->spares[class], *next; chunk; chunk = next) {
            next = chunk->next;
            pool->bytes -= sizeof *chunk + classes[class].room;
            free(chunk);
        }
        pool->spares[class] = NULL;
        pool->counts[class] = 0;
    }
}

static void link_chunk(mp_write_queue *queue, mp_chunk *chunk) {
    if (queue->tail) {
        chunk->next = queue->tail->next;
        queue->tail->next = chunk;
    } else {
        chunk->next = chunk;
    }
    queue->tail = chunk;
}

/* The next chunk's size: what fits for a first short copy, otherwise room for what will follow. */
static size_t room_for(const mp_write_queue *queue, size_t size) {
    if ((!queue->tail || queue->tail->token == MP_LEND) && size <= classes[MEDIUM].room)
        return size;
    return size < LARGE_ROOM ? LARGE_ROOM : size;
}

/* Inlined, since it is on the way of each write. */
static inline __attribute__((always_inline)) int append_copy(mp_write_queue *queue, mp_chunk_pool *pool,
                                                             const char *data, size_t size) {
    mp_chunk *tail = queue->tail, *chunk;
    size_t fits = 0;
    if (tail && tail->token == MP_COPY && (fits = tail->room - tail->end) > size)
        fits = size;
    if (fits < size) {
        if (!(chunk = new_chunk(pool, room_for(queue, size - fits))))
            return -ENOMEM;
        memcpy(chunk->bytes, data + fits, size - fits);
        chunk->end = size - fits;
        link_chunk(queue, chunk);
    }
    if (fits > 0) {
        memcpy(tail->bytes + tail->end, data, fits);
        tail->end += fits;
    }
    queue->bytes += size;
    return 0;
}

int mp_write_queue_append(mp_write_queue *queue, mp_chunk_pool *pool, const char *data, size_t size,
                          int token) {
    assert(is_sound(queue) && size > 0 && (token != MP_LEND || !queue->tail));
    if (token == MP_COPY)
        return append_copy(queue, pool, data, size);
    mp_chunk *chunk = new_chunk(pool, 0);
    if (!chunk)
        return -ENOMEM;
    chunk->data = data;
    chunk->end = size;
    chunk->token = token;
    if (token >= 0)
        pool->bytes += size;
    link_chunk(queue, chunk);
    queue->bytes += size;
    return 0;
}

int mp_write_queue_append_copy(mp_write_queue *queue, mp_chunk_pool *pool, const char *data, size_t size) {
    assert(is_sound(queue) && size > 0);
    return append_copy(queue, pool, data, size);
}

int mp_write_queue_own(mp_write_queue *queue, mp_chunk_pool *pool) {
    mp_chunk *head = queue->tail ? queue->tail->next : NULL;
    assert(is_sound(queue));
    if (!head || head->token != MP_LEND)
        return 0;
    size_t size = head->end - head->start;
    mp_chunk *copy = new_chunk(pool, size);
    if (!copy)
        return -ENOMEM;
    memcpy(copy->bytes, head->data + head->start, size);
    copy->end = size;
    copy->next = head == queue->tail ? copy : head->next;
    queue->tail->next = copy;
    if (head == queue->tail)
        queue->tail = copy;
    free_chunk(pool, head);
    return 0;
}

int mp_write_queue_vectors(const mp_write_queue *queue, struct iovec *vectors, int count) {
    int n = 0;
    assert(is_sound(queue) && count > 0);
    if (!queue->tail)
        return 0;
    mp_chunk *chunk = queue->tail;
    do {
        chunk = chunk->next;
        vectors[n].iov_base = (char *)(uintptr_t)(chunk->data + chunk->start);
        vectors[n++].iov_len = chunk->end - chunk->start;
    } while (chunk != queue->tail && n < count);
    return n;
}

void mp_write_queue_consume(mp_write_queue *queue, mp_chunk_pool *pool, size_t size) {
    assert(is_sound(queue) && size <= queue->bytes);
    queue->bytes -= size;
    while (size > 0 && queue->tail) {
        mp_chunk *head = queue->tail->next;
        size_t left = head->end - head->start;
        if (size < left) {
            head->start += size;
            return;
        }
        size -= left;
        if (head == queue->tail)
            queue->tail = NULL;
        else
            queue->tail->next = head->next;
        free_chunk(pool, head);
    }
}

void mp_write_queue_cut(mp_write_queue *queue, mp_chunk_pool *pool, size_t size) {
    assert(is_sound(queue));
    if (size >= queue->bytes)
        return;
    if (size == 0) {
        mp_write_queue_clear(queue, pool);
        return;
    }
    mp_chunk *last = queue->tail->next, *head = last;
    size_t left = size;
    for (; left > last->end - last->start; last = last->next)
        left -= last->end - last->start;
    if (last->token >= 0)
        pool->bytes -= last->end - last->start - left;
    last->end = last->start + left;
    for (mp_chunk *chunk = last->next, *next; chunk != head; chunk = next) {
        next = chunk->next;
        free_chunk(pool, chunk);
    }
    last->next = head;
    queue->tail = last;
    queue->bytes = size;
}

void mp_write_queue_clear(mp_write_queue *queue, mp_chunk_pool *pool) {
    mp_write_queue_consume(queue, pool, queue->bytes);
}
