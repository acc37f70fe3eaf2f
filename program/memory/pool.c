/*
 * Where Lua's small objects come from: blocks of like size, side by side in slabs, without a header each.
 * Beside malloc it takes fewer instructions and less memory, gives both back slab by slab, and never sorts
 * through millions of freed blocks at once.
 *
 * Slabs stand in one stretch of addresses, so that an address tells whether it is the pool's; all else is
 * malloc's.
 *
 * SPDX-License-Identifier: MIT
 */
#include "memory/pool.h"

#include <stdlib.h>
#include <string.h>

#include "memory/blocks.h"
#include "memory/input.h"
#include "system/system.h"

/* Addresses, not memory. A sanitizer sees only what malloc gives out. */
#if defined(POOL_TEST)
#define RESERVED ((size_t)POOL_TEST)
#elif defined(__SANITIZE_ADDRESS__)
#define RESERVED ((size_t)0)
#else
#define RESERVED ((size_t)16 << 30)
#endif

#define SLAB ((size_t)64 << 10)
#define GROWTH (16 * SLAB) /* what is asked of the system at once */
#define HEADER 64
#define SPARE_SLABS 32 /* empty ones that keep their memory */

/* What malloc keeps of the large ones: strings of input live from one cycle of the collector to the next. */
#define KEPT ((size_t)8 << 20)

/* Sizes are rounded up to 16 bytes, those over FINE to 512. */
#define FINE 1024
#define LARGEST 8192
#define FINE_CLASSES (FINE / 16)
#define CLASSES (FINE_CLASSES + LARGEST / 512)

typedef struct slab {
    struct slab *next, *previous; /* among those of its class that have room */
    void *free;                   /* blocks that have been freed, each with the next one's address */
    uint32_t used, capacity;      /* blocks */
    uint32_t fresh;               /* where the blocks begin that have never been used */
    uint32_t size;
    uint32_t class;
} slab;

static struct {
    program_blocks slabs;
    slab *with_room[CLASSES];
} pool = {.slabs = {.size = SLAB, .growth = GROWTH, .spares = SPARE_SLABS}};

static uint32_t class_of(size_t size) {
    return (uint32_t)(size <= FINE ? (size - 1) / 16 : FINE_CLASSES + (size - 1) / 512);
}

static void link_slab(slab *s) {
    slab **first = &pool.with_room[s->class];
    s->previous = NULL;
    s->next = *first;
    if (*first)
        (*first)->previous = s;
    *first = s;
}

static void unlink_slab(slab *s) {
    if (s->next)
        s->next->previous = s->previous;
    if (s->previous)
        s->previous->next = s->next;
    else
        pool.with_room[s->class] = s->next;
}

static slab *new_slab(uint32_t class) {
    slab *s = program_take_block(&pool.slabs);
    if (!s)
        return NULL;
    s->free = NULL;
    s->used = 0;
    s->fresh = HEADER;
    s->class = class;
    s->size = class < FINE_CLASSES ? (class + 1) * 16 : (class - FINE_CLASSES + 1) * 512;
    s->capacity = (uint32_t)(SLAB - HEADER) / s->size;
    link_slab(s);
    return s;
}

static void *take(size_t size) {
    uint32_t class = class_of(size);
    slab *s = pool.with_room[class];
    if (!s && !(s = new_slab(class)))
        return malloc(size);
    void *block = s->free;
    if (block) {
        s->free = *(void **)block;
    } else {
        block = (char *)s + s->fresh;
        s->fresh += s->size;
    }
    if (++s->used == s->capacity)
        unlink_slab(s);
    return block;
}

/* One slab of each class stays, however empty. */
static void retire(slab *s) {
    if (!s->next && !s->previous)
        return;
    unlink_slab(s);
    program_give_block_back(&pool.slabs, s);
}

void program_trim_pool(void) {
    program_trim_blocks(&pool.slabs);
}

static slab *slab_of(void *block) {
    return (slab *)((uintptr_t)block & ~(SLAB - 1));
}

static void give_back(void *block) {
    slab *s = slab_of(block);
    *(void **)block = s->free;
    s->free = block;
    if (s->used-- == s->capacity)
        link_slab(s);
    else if (s->used == 0)
        retire(s);
}

/* A lua_Alloc. */
static void *allocate(void *context, void *block, size_t old_size, size_t size) {
    bool pooled = (size_t)((uintptr_t)block - (uintptr_t)pool.slabs.base) < pool.slabs.reserved;
    (void)context;
    if (size == 0) {
        if (pooled)
            give_back(block);
        else if (program_is_input(block))
            program_free_input(block);
        else
            free(block);
        return NULL;
    }
    if (!block && size > LARGEST) {
        void *placed = program_place_input(size);
        return placed ? placed : malloc(size);
    }
    if (!block)
        return take(size);
    if (!pooled)
        return realloc(block, size);
    if (size <= LARGEST && slab_of(block)->class == class_of(size))
        return block;
    void *moved = size <= LARGEST ? take(size) : malloc(size);
    if (!moved)
        return size <= old_size ? block : NULL; /* Lua takes it for granted that less can be had */
    memcpy(moved, block, size < old_size ? size : old_size);
    give_back(block);
    return moved;
}

void program_pool_memory(lua_State *L) {
    mp_system_keep_freed(KEPT);
    if (getenv("MOONPORT_MALLOC"))
        return;
    char *start = RESERVED > 0 ? mp_system_reserve(RESERVED + SLAB) : NULL;
    if (start) { /* else a bound on addresses (ulimit -v): malloc does it all */
        pool.slabs.base = (char *)(((uintptr_t)start + SLAB - 1) & ~(SLAB - 1));
        pool.slabs.reserved = RESERVED;
    }
    lua_setallocf(L, allocate, NULL);
}
