/*
 * Blocks of one size in one stretch of addresses: the pool's slabs and the units of input. Memory is asked
 * for in steps. Of those that are given back so many keep their memory for what comes next; of the others,
 * and of all on demand, the system gets it back but for the first page.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_BLOCKS_H
#define PROGRAM_BLOCKS_H

#include <stddef.h>

#include "system/system.h"

#define PROGRAM_FIRST_PAGE 4096

typedef struct program_free_block {
    struct program_free_block *next;
} program_free_block;

typedef struct program_blocks {
    size_t size;                      /* of a block */
    size_t growth;                    /* what is asked of the system at once */
    unsigned spares;                  /* free ones that keep their memory, at most */
    char *base;                       /* NULL: there are none */
    size_t reserved;                  /* addresses, a multiple of `growth` */
    size_t committed;                 /* those that have been given out, ever */
    program_free_block *spare, *bare; /* free ones with memory, and without */
    unsigned spare_count;
} program_blocks;

static inline void program_forget_block(program_blocks *blocks, program_free_block *freed) {
    mp_system_forget((char *)freed + PROGRAM_FIRST_PAGE, blocks->size - PROGRAM_FIRST_PAGE);
    freed->next = blocks->bare;
    blocks->bare = freed;
}

static inline void program_give_block_back(program_blocks *blocks, void *block) {
    program_free_block *freed = block;
    if (blocks->spare_count == blocks->spares) {
        program_forget_block(blocks, freed);
        return;
    }
    freed->next = blocks->spare;
    blocks->spare = freed;
    blocks->spare_count++;
}

/* A free one, with memory if there is one; or NULL. */
static inline void *program_take_free_block(program_blocks *blocks) {
    program_free_block **first = blocks->spare ? &blocks->spare : &blocks->bare, *taken = *first;
    if (first == &blocks->spare)
        blocks->spare_count--;
    if (taken)
        *first = taken->next;
    return taken;
}

/* A free one or a new one; NULL: neither addresses nor memory are left. */
static inline void *program_take_block(program_blocks *blocks) {
    void *taken = program_take_free_block(blocks);
    if (taken)
        return taken;
    if (blocks->committed % blocks->growth == 0 &&
        (blocks->committed + blocks->growth > blocks->reserved ||
         mp_system_commit(blocks->base + blocks->committed, blocks->growth) < 0))
        return NULL;
    taken = blocks->base + blocks->committed;
    blocks->committed += blocks->size;
    return taken;
}

/* Gives the memory of all free ones back. */
static inline void program_trim_blocks(program_blocks *blocks) {
    while (blocks->spare)
        program_forget_block(blocks, program_take_free_block(blocks));
}

#endif
