// SPDX-License-Identifier: MIT
//
// What the load says: a figure, or where and why it gave up; and the clock behind both.

#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include <stdint.h>

// Names what is being done, for error messages.
void phase(const char *name);

// Reports "load: PHASE: reason" and exits with status 1.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// One line of the result: "key value".
void report(const char *key, double value);

int64_t now(void); // ns

#endif
