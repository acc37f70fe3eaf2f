/*
 * Counts of connections by address; see address_counts.h. Places are tried one after the other (linear
 * probing), and at most half of them are taken.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/address_counts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data/siphash.h"

#define SMALLEST 16

typedef struct entry {
    uint64_t key;
    uint32_t protocol;
    mp_address_count count; /* no connections: the place is free */
} entry;

struct mp_address_counts {
    uint64_t seed[2];
    size_t size, capacity; /* the capacity is a power of two */
    entry *entries;
};

mp_address_counts *mp_address_counts_new(const uint64_t seed[2]) {
    mp_address_counts *counts = calloc(1, sizeof *counts);
    if (!counts)
        return NULL;
    memcpy(counts->seed, seed, sizeof counts->seed);
    counts->capacity = SMALLEST;
    counts->entries = calloc(SMALLEST, sizeof *counts->entries);
    if (!counts->entries) {
        free(counts);
        return NULL;
    }
    return counts;
}

void mp_address_counts_free(mp_address_counts *counts) {
    if (!counts)
        return;
    free(counts->entries);
    free(counts);
}

/* False: it isn't counted. */
static bool key_of(const mp_address *address, entry *key) {
    uint32_t ipv4;
    *key = (entry){0};
    if (mp_address_to_ipv4(address, &ipv4) == 0) {
        key->protocol = MP_PROTOCOL_IPV4;
        key->key = ipv4;
        return true;
    }
    key->protocol = MP_PROTOCOL_IPV6;
    memcpy(&key->key, address->bytes, sizeof key->key);
    return address->protocol == MP_PROTOCOL_IPV6;
}

static size_t home_of(const mp_address_counts *counts, const entry *key) {
    char text[sizeof key->key + sizeof key->protocol];
    memcpy(text, &key->key, sizeof key->key);
    memcpy(text + sizeof key->key, &key->protocol, sizeof key->protocol);
    return mp_siphash(counts->seed, text, sizeof text) & (counts->capacity - 1);
}

/* Where it is, or where it would be. */
static entry *place_of(const mp_address_counts *counts, const entry *key) {
    size_t i = home_of(counts, key);
    for (;; i = (i + 1) & (counts->capacity - 1)) {
        entry *place = &counts->entries[i];
        if (place->count.connections == 0 || (place->key == key->key && place->protocol == key->protocol))
            return place;
    }
}

mp_address_count mp_address_counts_of(const mp_address_counts *counts, const mp_address *address) {
    entry key;
    return key_of(address, &key) ? place_of(counts, &key)->count : (mp_address_count){0};
}

static int grow(mp_address_counts *counts) {
    entry *old = counts->entries, *end = old + counts->capacity;
    entry *entries = calloc(counts->capacity * 2, sizeof *entries);
    if (!entries)
        return -ENOMEM;
    counts->entries = entries;
    counts->capacity *= 2;
    for (const entry *it = old; it < end; it++)
        if (it->count.connections > 0)
            *place_of(counts, it) = *it;
    free(old);
    return 0;
}

int mp_address_counts_add(mp_address_counts *counts, const mp_address *address) {
    entry key;
    if (!key_of(address, &key))
        return 0;
    entry *place = place_of(counts, &key);
    if (place->count.connections == 0) {
        if ((counts->size + 1) * 2 > counts->capacity) {
            if (grow(counts) < 0)
                return -ENOMEM;
            place = place_of(counts, &key);
        }
        *place = key;
        counts->size++;
    }
    place->count.connections++;
    return 0;
}

/* Moves those behind a free place that would not be found any more. */
static void close_gap(mp_address_counts *counts, size_t gap) {
    size_t mask = counts->capacity - 1;
    for (size_t i = (gap + 1) & mask; counts->entries[i].count.connections > 0; i = (i + 1) & mask) {
        size_t home = home_of(counts, &counts->entries[i]);
        if (((i - home) & mask) < ((i - gap) & mask))
            continue; /* its home is behind the gap */
        counts->entries[gap] = counts->entries[i];
        counts->entries[i].count = (mp_address_count){0};
        gap = i;
    }
}

void mp_address_counts_remove(mp_address_counts *counts, const mp_address *address) {
    entry key;
    if (!key_of(address, &key))
        return;
    entry *place = place_of(counts, &key);
    if (place->count.connections == 0 || --place->count.connections > 0)
        return;
    place->count.handshakes = 0;
    counts->size--;
    close_gap(counts, (size_t)(place - counts->entries));
}

void mp_address_counts_shake(mp_address_counts *counts, const mp_address *address, int change) {
    entry key;
    assert(change == 1 || change == -1);
    if (!key_of(address, &key))
        return;
    mp_address_count *count = &place_of(counts, &key)->count;
    if (count->connections > 0 && (change > 0 || count->handshakes > 0))
        count->handshakes += (uint32_t)change;
}

size_t mp_address_counts_size(const mp_address_counts *counts) {
    return counts->size;
}
