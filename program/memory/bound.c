/*
 * The bound of Lua's memory; see bound.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "memory/bound.h"

#include <stddef.h>
#include <string.h>

#define FAILURES 10    /* so many, */
#define WITHIN 10000.0 /* in so many milliseconds, are too many */

/* The process has one Lua state. */
static struct {
    lua_Alloc next;
    size_t used, most;
    double failed[FAILURES]; /* when, the oldest at `oldest` */
    int oldest;
    bool told;
} bound;

/*
 * Without a block, `old` is the kind of object that is made. If that fails, Lua collects and tries again. It
 * doesn't for the memory in which its libraries build strings, and this function can't tell that from what
 * grows in an object. So what is no new object may exceed the bound by a half: the next object fails in its
 * place, if a collection doesn't help.
 */
static void *allocate(void *context, void *block, size_t old, size_t size) {
    size_t held = block ? old : 0, most = bound.most;
    if (block || old == 0)
        most += most / 2;
    if (size > held && size - held > most - (bound.used < most ? bound.used : most))
        return NULL;
    void *moved = bound.next(context, block, old, size);
    if (moved || size == 0)
        bound.used = bound.used - held + size;
    return moved;
}

void program_bound_memory(lua_State *L, double bytes) {
    if (bytes <= 0)
        return;
    void *context; /* stays, by which its owner knows it */
    bound.next = lua_getallocf(L, &context);
    bound.most = (size_t)bytes;
    bound.used = (size_t)lua_gc(L, LUA_GCCOUNT) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB);
    lua_setallocf(L, allocate, context);
}

bool program_is_short_of_memory(const char *message, double now) {
    if (!bound.next || !strstr(message, "not enough memory"))
        return false;
    bound.failed[bound.oldest] = now;
    bound.oldest = (bound.oldest + 1) % FAILURES;
    bool often = bound.failed[bound.oldest] > 0 && now - bound.failed[bound.oldest] < WITHIN;
    if (!often || bound.told)
        return false;
    bound.told = true;
    return true;
}
