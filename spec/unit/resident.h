/*
 * Whether there is memory behind an address.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef RESIDENT_H
#define RESIDENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static bool is_resident(const void *address) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    unsigned char resident = 0;
    assert_int_equal(mincore((void *)((uintptr_t)address & ~(page - 1)), 1, &resident), 0);
    return resident & 1;
}

#endif
