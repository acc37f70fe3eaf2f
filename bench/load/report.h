// SPDX-License-Identifier: MIT
//
// The output of the load: a figure, or where and why it gave up. And the clock for both.

#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include <stdint.h>

// Names the current phase, for error messages.
void phase(const char *name);

// Reports "load: PHASE: reason" and exits with status 1.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// One line of the result: "key value".
void report(const char *key, double value);

int64_t now(void); // ns

#endif
