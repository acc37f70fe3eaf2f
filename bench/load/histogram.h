// SPDX-License-Identifier: MIT
//
// Latencies in ns, in buckets of 1.6 %.

#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

#include <stdint.h>

typedef struct histogram histogram;

histogram *histogram_new(void); // for free()
void histogram_add(histogram *h, int64_t ns);
int64_t histogram_percentile(const histogram *h, double percent);
void histogram_report(const histogram *h); // p50_us, p99_us, p999_us, max_us

#endif
