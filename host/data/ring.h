/*
 * Doubly linked rings through their members: a ring is a link of its own, which stands before the first
 * member and behind the last. Allocates nothing and knows nothing of what its links stand in.
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

/* The structure in which `pointer` is the address of `member`. */
#define MP_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void mp_ring_init(mp_ring *ring) {
    ring->next = ring->previous = ring;
}

static inline bool mp_ring_is_empty(const mp_ring *ring) {
    return ring->next == ring;
}

/* Puts a link that stands nowhere at the end. */
static inline void mp_ring_append(mp_ring *ring, mp_ring *link) {
    assert(ring->next && !link->next);
    link->previous = ring->previous;
    link->next = ring;
    ring->previous->next = link;
    ring->previous = link;
}

/* Takes a link out of its ring; its `next` is NULL from then on. */
static inline void mp_ring_remove(mp_ring *link) {
    assert(link->next && link->next->previous == link && link->previous->next == link);
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->next = link->previous = NULL;
}

#endif
