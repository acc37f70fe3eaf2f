/*
 * Where Lua's small objects come from: blocks of similar size, side by side in slabs, without a header each.
 * docs/performance.md says what this gains over malloc. Unused slabs return their memory one by one.
 *
 * All slabs are in one stretch of addresses, so that an address shows whether it is in the pool; malloc has
 * everything else.
 *
 * SPDX-License-Identifier: MIT
 */
#include "memory/pool.h"

#include <stdlib.h>
#include <string.h>

#include "memory/blocks.h"
#include "memory/input.h"
#include "object/lost.h"
#include "system/system.h"

/* Addresses, not memory. A sanitizer sees only malloc's blocks. */
#if defined(POOL_TEST)
#define RESERVED ((size_t)POOL_TEST)
#elif defined(__SANITIZE_ADDRESS__)
#define RESERVED ((size_t)0)
#else
#define RESERVED ((size_t)16 << 30)
#endif

#define SLAB ((size_t)64 << 10)
#define GROWTH (16 * SLAB) /* what is requested from the system at once */
#define HEADER 64
#define SPARE_SLABS 32 /* the most empty slabs that keep their memory */

/* How much freed memory malloc keeps: strings of input live from one cycle of the collector to the next. */
#define KEPT ((size_t)8 << 20)

/* Sizes are rounded up to a multiple of 16 bytes, those over FINE to a multiple of 512. */
#define FINE 1024
#define LARGEST 8192
#define FINE_CLASSES (FINE / 16)
#define CLASSES (FINE_CLASSES + LARGEST / 512)

typedef struct slab {
    struct slab *next, *previous; /* in the list of its class's slabs that have room */
    void *free;                   /* freed blocks, each with the next one's address */
    uint32_t used, capacity;      /* of blocks */
    uint32_t fresh;               /* where the never used blocks begin */
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

/* One slab of each class stays, even if it is empty. */
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

static inline bool is_pooled(const void *block) {
    return (size_t)((uintptr_t)block - (uintptr_t)pool.slabs.base) < pool.slabs.reserved;
}

static inline void *free_block(void *block) {
    if (is_pooled(block))
        give_back(block);
    else if (program_is_input(block))
        program_free_input(block);
    else
        free(block);
    return NULL;
}

/* Not part of `allocate`, so that `allocate` needs no stack frame for it. */
static __attribute__((noinline)) void *free_if_finalised(binding_losses *losses, void *block, size_t size) {
    return binding_keep_lost(losses, block, size) ? NULL : free_block(block);
}

/* The lua_Alloc. After program_keep_lost, its context is the bindings' losses. */
static void *allocate(void *context, void *block, size_t old_size, size_t size) {
    if (size == 0)
        return binding_may_be_object(old_size) && context ? free_if_finalised(context, block, old_size)
                                                          : free_block(block);
    if (!block && size > LARGEST) {
        void *placed = program_place_input(size);
        return placed ? placed : malloc(size);
    }
    if (!block)
        return take(size);
    if (!is_pooled(block))
        return realloc(block, size);
    if (size <= LARGEST && slab_of(block)->class == class_of(size))
        return block;
    void *moved = size <= LARGEST ? take(size) : malloc(size);
    if (!moved)
        return size <= old_size ? block : NULL; /* Lua relies on success when a block shrinks */
    memcpy(moved, block, size < old_size ? size : old_size);
    give_back(block);
    return moved;
}

void program_pool_memory(lua_State *L) {
    mp_system_keep_freed(KEPT);
    if (getenv("MOONPORT_MALLOC"))
        return;
    char *start = RESERVED > 0 ? mp_system_reserve(RESERVED + SLAB) : NULL;
    if (start) { /* otherwise, a limit on addresses (ulimit -v): malloc does it all */
        pool.slabs.base = (char *)(((uintptr_t)start + SLAB - 1) & ~(SLAB - 1));
        pool.slabs.reserved = RESERVED;
    }
    lua_setallocf(L, allocate, NULL);
}

void program_keep_lost(lua_State *L, const binding_state *state) {
    if (state->losses->allocate == allocate)
        lua_setallocf(L, allocate, state->losses);
}
