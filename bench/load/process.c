// SPDX-License-Identifier: MIT
//
// The kernel's record of the server: its CPU time, from the process's own clock (the tick-free sum that
// /proc/PID/schedstat shows too, over all threads), and its resident memory, from /proc/PID/smaps_rollup.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "process.h"
#include "report.h"

int64_t cpu_time(pid_t pid) {
    if (pid == 0)
        return 0;
    clockid_t clock;
    struct timespec t;
    int error = clock_getcpuclockid(pid, &clock);
    if (error != 0 || clock_gettime(clock, &t) < 0)
        fail("CPU time of process %d: %s", (int)pid, strerror(error ? error : errno));
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t resident_now(pid_t pid) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *f = fopen(path, "r");
    long kib = -1;
    if (f) {
        while (kib < 0 && fgets(line, sizeof line, f))
            if (sscanf(line, "Rss: %ld kB", &kib) != 1)
                kib = -1;
        fclose(f);
    }
    if (kib < 0)
        fail("%s has no resident memory", path);
    return (int64_t)kib * 1024;
}

int64_t resident_memory(pid_t pid) {
    if (pid == 0)
        return 0;
    int64_t last = -1;
    for (int i = 0; i < 5; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
        int64_t bytes = resident_now(pid);
        if (bytes == last)
            break;
        last = bytes;
    }
    return last;
}
