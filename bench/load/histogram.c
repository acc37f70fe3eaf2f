// SPDX-License-Identifier: MIT
//
// A log-linear histogram: 64 equal buckets in each power of two. Adding is a shift and an increment.

#include <stdlib.h>

#include "histogram.h"
#include "report.h"

enum { SUB_BITS = 6, SUB = 1 << SUB_BITS, BUCKETS = (64 - SUB_BITS) * SUB };

struct histogram {
    int64_t total, max;
    int64_t counts[BUCKETS];
};

histogram *histogram_new(void) {
    histogram *h = calloc(1, sizeof *h);
    if (!h)
        fail("out of memory");
    return h;
}

static unsigned bucket_of(uint64_t v) {
    if (v < SUB)
        return (unsigned)v;
    unsigned shift = 63U - SUB_BITS - (unsigned)__builtin_clzll(v);
    return (shift << SUB_BITS) + (unsigned)(v >> shift);
}

static int64_t middle_of(unsigned bucket) {
    if (bucket < 2 * SUB)
        return (int64_t)bucket;
    unsigned shift = (bucket >> SUB_BITS) - 1;
    uint64_t low = (uint64_t)(bucket - (shift << SUB_BITS)) << shift;
    return (int64_t)(low + ((1ULL << shift) >> 1));
}

void histogram_add(histogram *h, int64_t ns) {
    if (ns < 0)
        ns = 0;
    h->counts[bucket_of((uint64_t)ns)]++;
    h->total++;
    if (ns > h->max)
        h->max = ns;
}

int64_t histogram_percentile(const histogram *h, double percent) {
    int64_t rank = (int64_t)((double)h->total * percent / 100.0);
    int64_t seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += h->counts[i];
        if (seen > rank)
            return middle_of(i);
    }
    return h->max;
}

void histogram_report(const histogram *h) {
    report("p50_us", (double)histogram_percentile(h, 50) / 1e3);
    report("p99_us", (double)histogram_percentile(h, 99) / 1e3);
    report("p999_us", (double)histogram_percentile(h, 99.9) / 1e3);
    report("max_us", (double)h->max / 1e3);
}
