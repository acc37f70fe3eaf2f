/*
 * The reserve; see reserve.h. It is an arena. If the system has no memory for libev, libev gets a piece of
 * the arena, and gives it back when it grows the table in it. When there is memory again, a whole arena
 * replaces one with pieces in use; the old arena is freed with its last piece.
 *
 * SPDX-License-Identifier: MIT
 */
#include "loop/reserve.h"

#include <errno.h>
#include <ev.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* libev has a dozen tables that grow with what it watches, each to twice its size; they seldom all grow at
   once. */
#define TABLES 8
#define LEAST 65536

#define ALIGNED(size) (((size) + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1))

typedef struct arena {
    struct arena *next;
    size_t size, used, pieces;
} arena;

typedef struct piece {
    arena *arena;
    size_t size;
} piece;

#define HEAD ALIGNED(sizeof(arena))
#define PIECE_HEAD ALIGNED(sizeof(piece))

static struct {
    arena *arenas;  /* pieces come from the first */
    size_t largest; /* the largest table so far */
} here;

static size_t wanted(void) {
    return here.largest * TABLES > LEAST ? here.largest * TABLES : LEAST;
}

static piece *piece_of(void *data) {
    for (const arena *one = here.arenas; one; one = one->next)
        if ((char *)data > (const char *)one && (char *)data < (const char *)one + one->size)
            return (piece *)((char *)data - PIECE_HEAD);
    return NULL;
}

static void *take(size_t size) {
    arena *from = here.arenas;
    size_t whole = PIECE_HEAD + ALIGNED(size);
    if (from->size - from->used < whole)
        return NULL;
    piece *taken = (piece *)((char *)from + from->used);
    *taken = (piece){from, size};
    from->used += whole;
    from->pieces++;
    return (char *)taken + PIECE_HEAD;
}

static void give_back(piece *taken) {
    arena *from = taken->arena, **place = &here.arenas;
    if (--from->pieces > 0)
        return;
    from->used = HEAD;
    if (from == here.arenas)
        return;
    while (*place != from)
        place = &(*place)->next;
    *place = from->next;
    free(from);
}

static void release(void *data) {
    piece *taken = data ? piece_of(data) : NULL;
    if (taken)
        give_back(taken);
    else
        free(data);
}

/* realloc, for libev. */
static void *allocate(void *old, long wide) {
    size_t size = (size_t)wide, old_size;
    if (size == 0) {
        release(old);
        return NULL;
    }
    if (size > here.largest)
        here.largest = size;
    piece *taken = old ? piece_of(old) : NULL;
    void *data = taken ? malloc(size) : realloc(old, size);
    if (data && !taken) {
        (void)mp_reserve_is_whole(); /* the reserve grows with the largest table */
        return data;
    }
    if (taken && !data && taken->size >= size)
        return old;
    if (!data)
        data = take(size);
    if (data && old) {
        old_size = taken ? taken->size : malloc_usable_size(old);
        memcpy(data, old, old_size < size ? old_size : size);
        release(old);
    }
    return data;
}

static bool add_arena(size_t size) {
    arena *fresh = malloc(size);
    if (!fresh)
        return false;
    *fresh = (arena){here.arenas, size, HEAD, 0};
    here.arenas = fresh;
    return true;
}

int mp_reserve_set_aside(void) {
    if (here.arenas)
        return 0;
    if (!add_arena(LEAST))
        return -ENOMEM;
    ev_set_allocator(allocate);
    return 0;
}

bool mp_reserve_is_whole(void) {
    arena *first = here.arenas;
    if (!first || (first->pieces == 0 && first->size >= wanted()))
        return true;
    if (!add_arena(wanted()))
        return false;
    if (first->pieces == 0) {
        here.arenas->next = first->next;
        free(first);
    }
    return true;
}
