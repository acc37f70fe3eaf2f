/*
 * Numbers by chance that are the same in each run.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_BELOW_H
#define UNIT_BELOW_H

#include <stddef.h>
#include <stdint.h>

/* A number below `limit`, which is at most 1 << 24. */
static inline size_t below(size_t limit) {
    static uint32_t random = 1;
    random = random * 1664525 + 1013904223;
    return (random >> 8) % limit;
}

#endif
