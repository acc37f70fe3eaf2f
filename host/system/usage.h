/*
 * What this process uses of the machine.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_USAGE_H
#define MP_USAGE_H

#include <stdint.h>
#include <sys/types.h>

typedef struct mp_usage {
    double processor;         /* seconds of processor time, of all threads */
    int64_t resident;         /* bytes of memory */
    int64_t descriptors;      /* that are open, */
    int64_t descriptor_limit; /* and how many may be; -1: any number */
} mp_usage;

/* What can't be had is 0. */
void mp_system_usage(mp_usage *usage);

/* Bytes of memory of a process; 0 if that can't be had. */
int64_t mp_system_resident(pid_t process);

#endif
