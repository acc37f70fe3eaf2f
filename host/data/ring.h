/*
 * Doubly linked rings through members of structures. A ring is itself a link, before the first member and
 * after the last. It allocates nothing and doesn't know the structures around its links.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_RING_H
#define MP_RING_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

/* A ring, or a place in one. */
typedef struct mp_ring {
    struct mp_ring *next, *previous;
} mp_ring;

/* The structure whose `member` is at `pointer`. */
#define MP_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void mp_ring_init(mp_ring *ring) {
    ring->next = ring->previous = ring;
}

static inline bool mp_ring_is_empty(const mp_ring *ring) {
    return ring->next == ring;
}

/* Appends a link that is in no ring. */
static inline void mp_ring_append(mp_ring *ring, mp_ring *link) {
    assert(ring->next && !link->next);
    link->previous = ring->previous;
    link->next = ring;
    ring->previous->next = link;
    ring->previous = link;
}

/* Removes a link from its ring; its `next` is NULL from then on. */
static inline void mp_ring_remove(mp_ring *link) {
    assert(link->next && link->next->previous == link && link->previous->next == link);
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->next = link->previous = NULL;
}

#endif
