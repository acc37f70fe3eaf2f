/*
 * Allocations that fail on demand: those of a Lua state, and those of C code linked with the linker's --wrap
 * for malloc, calloc and realloc. A test arms one of the two, and `count` shows how many requests there were.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FAILING_ALLOCATION_H
#define FAILING_ALLOCATION_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

/* Fails requests number `from` to `to`. Lua collects garbage and tries again, so it takes two to fail one of
   its allocations. */
typedef struct failure {
    bool armed;
    unsigned count, from, to;
} failure;

static failure lua_failure, host_failure;

static bool fails(failure *f) {
    return f->armed && ++f->count >= f->from && f->count <= f->to;
}

static inline void *allocate(void *context, void *old, size_t old_size, size_t size) {
    (void)context;
    if (size == 0) {
        free(old);
        return NULL;
    }
    if ((!old || size > old_size) && fails(&lua_failure))
        return NULL;
    return __real_realloc(old, size);
}

void *__wrap_malloc(size_t size) {
    return fails(&host_failure) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails(&host_failure) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails(&host_failure) ? NULL : __real_realloc(old, size);
}

#endif
