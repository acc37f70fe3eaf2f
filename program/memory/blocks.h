/*
 * Blocks of one size in one stretch of addresses: the pool's slabs and the units of input. Memory is
 * requested in steps. A number of returned blocks keep their memory for reuse. The system gets back the
 * memory of the others, except for their first pages, and on demand that of all of them.
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
    size_t growth;                    /* what is requested from the system at once */
    unsigned spares;                  /* the most free blocks that keep their memory */
    char *base;                       /* NULL: there are no blocks */
    size_t reserved;                  /* addresses, a multiple of `growth` */
    size_t committed;                 /* those that were ever given out */
    program_free_block *spare, *bare; /* free blocks with memory, and without */
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

/* Takes a free block, with memory if possible; NULL: none is free. */
static inline void *program_take_free_block(program_blocks *blocks) {
    program_free_block **first = blocks->spare ? &blocks->spare : &blocks->bare, *taken = *first;
    if (first == &blocks->spare)
        blocks->spare_count--;
    if (taken)
        *first = taken->next;
    return taken;
}

/* Takes a free block or a new one; NULL: neither addresses nor memory are left. */
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

/* Returns the memory of all free blocks. */
static inline void program_trim_blocks(program_blocks *blocks) {
    while (blocks->spare)
        program_forget_block(blocks, program_take_free_block(blocks));
}

#endif
