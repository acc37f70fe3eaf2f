/*
 * See dictionary.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/dictionary.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "data/siphash.h"

enum { LEAST = 8 /* places, a power of two */, OVERHEAD = 32 /* bytes of an entry's places and of malloc */ };

static size_t entry_bytes(const mp_entry *entry) {
    return sizeof *entry + entry->key_size + OVERHEAD;
}

void mp_dictionary_init(mp_dictionary *dictionary, const uint64_t *seed, size_t *bytes) {
    *dictionary = (mp_dictionary){.seed = seed};
    dictionary->bytes = bytes;
}

void mp_dictionary_clear(mp_dictionary *dictionary) {
    assert(dictionary->count == 0);
    free(dictionary->buckets);
    free(dictionary->entries);
    *dictionary->bytes -= dictionary->capacity * sizeof(mp_entry *);
    mp_dictionary_init(dictionary, dictionary->seed, dictionary->bytes);
}

/* --- buckets -------------------------------------------------------------------------------------------- */

static mp_entry **bucket_of(const mp_dictionary *dictionary, uint32_t hash) {
    uint32_t index = hash & dictionary->mask;
    if (index >= dictionary->bucket_count)
        index = hash & dictionary->mask >> 1;
    return &dictionary->buckets[index];
}

/* One more bucket: it gets what belongs to it from the one that has had it so far. */
static void split_bucket(mp_dictionary *dictionary) {
    uint32_t added = dictionary->bucket_count++;
    if (added > dictionary->mask)
        dictionary->mask = dictionary->mask * 2 + 1;
    mp_entry **from = &dictionary->buckets[added & dictionary->mask >> 1];
    mp_entry **to = &dictionary->buckets[added];
    while (*from) {
        mp_entry *entry = *from;
        if ((entry->hash & dictionary->mask) == added) {
            *from = entry->next;
            *to = entry;
            to = &entry->next;
        } else {
            from = &entry->next;
        }
    }
    *to = NULL;
}

/* One bucket fewer. */
static void merge_bucket(mp_dictionary *dictionary) {
    uint32_t last = --dictionary->bucket_count;
    mp_entry **to = &dictionary->buckets[last & dictionary->mask >> 1];
    while (*to)
        to = &(*to)->next;
    *to = dictionary->buckets[last];
    if (last == (dictionary->mask >> 1) + 1)
        dictionary->mask >>= 1;
}

/* Gives both arrays room for so many. False: there is no memory for more. */
static bool resize(mp_dictionary *dictionary, uint32_t capacity) {
    mp_entry **buckets = realloc(dictionary->buckets, capacity * sizeof(mp_entry *));
    if (buckets)
        dictionary->buckets = buckets;
    mp_entry **entries = realloc(dictionary->entries, capacity * sizeof(mp_entry *));
    if (entries)
        dictionary->entries = entries;
    if ((!buckets || !entries) && capacity > dictionary->capacity)
        return false;
    *dictionary->bytes += capacity * sizeof(mp_entry *);
    *dictionary->bytes -= dictionary->capacity * sizeof(mp_entry *);
    dictionary->capacity = capacity;
    return true;
}

static bool make_room(mp_dictionary *dictionary) {
    if (dictionary->count < dictionary->capacity)
        return true;
    if (dictionary->capacity > UINT32_MAX / 4)
        return false;
    if (!resize(dictionary, dictionary->capacity > 0 ? dictionary->capacity * 2 : LEAST))
        return false;
    if (dictionary->bucket_count == 0) {
        memset(dictionary->buckets, 0, LEAST * sizeof *dictionary->buckets);
        dictionary->bucket_count = LEAST;
        dictionary->mask = LEAST - 1;
    }
    return true;
}

static void give_back(mp_dictionary *dictionary) {
    for (int i = 0; i < 2; i++)
        if (dictionary->bucket_count > LEAST && dictionary->bucket_count > dictionary->count)
            merge_bucket(dictionary);
    if (dictionary->capacity > LEAST && dictionary->count < dictionary->capacity / 4 &&
        dictionary->bucket_count <= dictionary->capacity / 2)
        (void)resize(dictionary, dictionary->capacity / 2);
}

/* --- entries -------------------------------------------------------------------------------------------- */

static uint32_t hash_of(const mp_dictionary *dictionary, const char *key, size_t size) {
    return (uint32_t)mp_siphash(dictionary->seed, key, size);
}

mp_entry *mp_dictionary_find(const mp_dictionary *dictionary, const char *key, size_t size) {
    if (dictionary->count == 0)
        return NULL;
    uint32_t hash = hash_of(dictionary, key, size);
    mp_entry *entry = *bucket_of(dictionary, hash);
    while (entry && (entry->hash != hash || entry->key_size != size || memcmp(entry->key, key, size) != 0))
        entry = entry->next;
    return entry;
}

mp_entry *mp_dictionary_add(mp_dictionary *dictionary, const char *key, size_t size) {
    mp_entry *entry = size <= UINT32_MAX ? malloc(sizeof *entry + size) : NULL;
    if (!entry || !make_room(dictionary)) {
        free(entry);
        return NULL;
    }
    *entry = (mp_entry){
        .hash = hash_of(dictionary, key, size), .place = dictionary->count, .key_size = (uint32_t)size};
    memcpy(entry->key, key, size);
    *dictionary->bytes += entry_bytes(entry);
    dictionary->entries[dictionary->count++] = entry;
    if (dictionary->count > dictionary->bucket_count)
        split_bucket(dictionary);
    mp_entry **bucket = bucket_of(dictionary, entry->hash);
    entry->next = *bucket;
    *bucket = entry;
    return entry;
}

void mp_dictionary_take(mp_dictionary *dictionary, mp_entry *entry) {
    assert(entry->place < dictionary->count && dictionary->entries[entry->place] == entry);
    mp_entry **link = bucket_of(dictionary, entry->hash);
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    entry->next = NULL;
    mp_entry *last = dictionary->entries[--dictionary->count];
    dictionary->entries[entry->place] = last;
    last->place = entry->place;
    give_back(dictionary);
}

int mp_entry_set(mp_entry *entry, size_t *bytes, const char *value, size_t size) {
    if (size > UINT32_MAX)
        return -ENOMEM;
    if (!entry->value || entry->size != size) {
        char *room = malloc(size > 0 ? size : 1);
        if (!room)
            return -ENOMEM;
        free(entry->value);
        entry->value = room;
    }
    memcpy(entry->value, value, size);
    *bytes += size;
    *bytes -= entry->size;
    entry->size = (uint32_t)size;
    return 0;
}

void mp_entry_free(mp_entry *entry, size_t *bytes) {
    assert(!entry->members);
    *bytes -= entry_bytes(entry) + entry->size;
    free(entry->value);
    free(entry);
}
