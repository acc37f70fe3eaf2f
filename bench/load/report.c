// SPDX-License-Identifier: MIT
//
// The lines that the load writes. Nothing else in it writes lines, except "ready" to the leader.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "report.h"

static const char *phase_name = "start";

void phase(const char *name) {
    phase_name = name;
}

_Noreturn void fail(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    fprintf(stderr, "load: %s: ", phase_name);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

void report(const char *key, double value) {
    printf("%s %.10g\n", key, value);
}

int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
