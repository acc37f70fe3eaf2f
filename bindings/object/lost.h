/*
 * Objects whose finaliser is lost. Lua calls a finaliser wherever the collector happens to be at work. Where
 * the stack has no room for the call, or there is no memory, it only warns, and frees the object in its next
 * cycle, while the loop still refers to it. So the allocator looks at what is freed: such an object keeps its
 * memory until the loop has finalised it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_LOST_H
#define BINDING_LOST_H

#include "object/box.h"

/* Blocks of other sizes are no objects. */
#define BINDING_LEAST_BLOCK 128u
#define BINDING_MOST_BLOCK 639u

struct binding_losses {
    binding_state *state;
    lua_Alloc allocate; /* the allocator of before, and its context */
    void *context;
    size_t header;      /* bytes that Lua has in front of a box */
    uint64_t sizes;     /* of objects: a bit for each 8 bytes from the least block on */
    binding_box *first; /* lost ones, by `next_taken` */
};

static inline bool binding_may_be_object(size_t size) {
    return size - BINDING_LEAST_BLOCK <= BINDING_MOST_BLOCK - BINDING_LEAST_BLOCK;
}

/* Takes note that there are objects of this size, what stands in front of the box included. */
static inline void binding_note_size(binding_losses *losses, size_t size) {
    losses->sizes |= UINT64_C(1) << (losses->header + size - BINDING_LEAST_BLOCK) / 8;
}

/* Has the allocator of the Lua state look at what is freed. Another one that does so itself can take its
   place, with the state's losses as its context. */
void binding_watch_losses(lua_State *L, binding_state *state);

/* A block that Lua frees: keeps it if it is a lost object; then this is true. */
bool binding_keep_lost(binding_losses *losses, void *block, size_t size);

/* Finalises the lost ones. False: there is no memory for that yet. */
bool binding_finalise_lost(binding_state *state);

/* The Lua state ends, and all objects that Lua could finalise are. Finalises the others as well, and gives
   the Lua state its allocator back. */
void binding_end_losses(lua_State *L, binding_state *state);

#endif
