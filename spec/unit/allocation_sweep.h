/*
 * Tests in which for every n the n-th allocation fails, and perhaps others behind it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ALLOCATION_SWEEP_H
#define ALLOCATION_SWEEP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_allocation.h"

typedef struct allocation_sweep {
    /* Runs the scenario while requests number `from` to `to` fail. False: it made fewer than `from`. */
    bool (*attempt)(failure *which, unsigned from, unsigned to);
    failure *which;
    unsigned in_a_row; /* requests that fail; ALL_OTHERS: all from the n-th on */
    unsigned least;    /* the scenario makes more allocations; otherwise the sweep proves nothing */
} allocation_sweep;

#define ALL_OTHERS UINT_MAX

/* Of Lua's allocator it takes two requests, see failing_allocation.h. */
#define LUA_ONCE 2

/* A test whose state is the sweep. */
static inline void run_sweep(void **state) {
    const allocation_sweep *it = *state;
    unsigned n = 1;
    while (it->attempt(it->which, n, it->in_a_row > UINT_MAX - n ? UINT_MAX : n + it->in_a_row - 1))
        n++;
    assert_true(n > it->least);
}

/* The four tests of a scenario, for an array in main. */
#define SWEEP(name, ...)                                                                                     \
    {                                                                                                        \
        name, run_sweep, NULL, NULL, &(allocation_sweep) {                                                   \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define SWEEPS(attempt, lua_least, host_least)                                                               \
    SWEEP("lua_fails_once", attempt, &lua_failure, LUA_ONCE, lua_least),                                     \
        SWEEP("lua_fails_from_then_on", attempt, &lua_failure, ALL_OTHERS, lua_least),                       \
        SWEEP("host_fails_once", attempt, &host_failure, 1, host_least),                                     \
        SWEEP("host_fails_from_then_on", attempt, &host_failure, ALL_OTHERS, host_least)

#endif
