/*
 * The clock of a test: time passes by itself and, without a wait, when the test says so. It stands in place
 * of the C library's clock_gettime, so libev looks at it, too.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t passed; /* nanoseconds, by pass */

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    int64_t all = now->tv_nsec + passed;
    now->tv_sec += (time_t)(all / 1000000000);
    now->tv_nsec = (long)(all % 1000000000);
    return result;
}

static inline void pass(int msec) {
    passed += msec * INT64_C(1000000);
}

#endif
