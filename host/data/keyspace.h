/*
 * The keys of a store: strings, hashes and sets, which may expire, and the snapshot that a save takes of
 * them.
 *
 * A save writes what was there when it began, a little at each call. Who changes or removes what it hasn't
 * written yet has it written first. So nobody waits for a save, and nothing is copied for it. What is
 * removed, however large, is freed a little at a time, too.
 *
 * Times are milliseconds since 1970.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_KEYSPACE_H
#define MP_KEYSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/dictionary.h"

typedef struct mp_text {
    char *text;
    size_t size, capacity;
    bool failed; /* there was no memory for all of it */
} mp_text;

typedef struct mp_keyspace {
    uint64_t seed[2];
    mp_dictionary keys;
    mp_entry **expiring; /* the keys that expire */
    uint32_t expiring_count, expiring_capacity;
    uint32_t expiring_next; /* where the next look begins */
    size_t bytes;
    uint64_t changes;
    mp_entry *removed; /* keys with members, which are freed one by one */
    mp_dictionary *cleared;
    uint32_t cleared_count;
    bool saving;
    uint32_t save;       /* its number */
    int64_t save_began;  /* keys that had expired then are left out */
    uint64_t save_count; /* keys written */
    uint32_t save_place; /* of the keys; what lies below isn't written yet */
    mp_entry *save_key;  /* whose members are being written, below save_member */
    uint32_t save_member;
    mp_text saved; /* commands, which the caller takes away */
} mp_keyspace;

void mp_keyspace_init(mp_keyspace *space, const uint64_t seed[2]);

/* Frees all at once. */
void mp_keyspace_free(mp_keyspace *space);

static inline mp_entry *mp_keyspace_find(const mp_keyspace *space, const char *key, size_t size) {
    return mp_dictionary_find(&space->keys, key, size);
}

/* Sets a string, whatever was there. Those that return int return 0 or -ENOMEM. */
int mp_keyspace_set(mp_keyspace *space, const char *key, size_t size, const char *value, size_t value_size,
                    int64_t expires);

/* Sets when a key expires; 0: never. */
int mp_keyspace_expire_at(mp_keyspace *space, mp_entry *entry, int64_t expires);

void mp_keyspace_remove(mp_keyspace *space, mp_entry *entry);
int mp_keyspace_rename(mp_keyspace *space, mp_entry *entry, const char *key, size_t size);
void mp_keyspace_clear(mp_keyspace *space);

/* The key's entry; one that isn't there becomes an empty hash or set, which must get a member at once. */
mp_entry *mp_keyspace_container(mp_keyspace *space, const char *key, size_t size, enum mp_entry_kind kind);

/* Adds a member or changes its value. */
int mp_keyspace_set_member(mp_keyspace *space, mp_entry *entry, const char *member, size_t size,
                           const char *value, size_t value_size, bool *is_new);

/* Removes a member, and the key with its last one; then it returns true. */
bool mp_keyspace_remove_member(mp_keyspace *space, mp_entry *entry, mp_entry *member);

/* Looks at so many keys that expire, and removes those that have. */
void mp_keyspace_remove_expired(mp_keyspace *space, int64_t now, unsigned most);

/* Frees so many of the entries that were removed. False: there are no more. */
bool mp_keyspace_sweep(mp_keyspace *space, unsigned most);

/* Begins a save; there must be none. What was removed before is freed at once: sweep first. */
void mp_keyspace_begin_save(mp_keyspace *space, int64_t now);

/* Goes on until `saved` has so many bytes, or so many entries were looked at. False: all is written. */
bool mp_keyspace_save_some(mp_keyspace *space, size_t bytes, unsigned most);

/* Ends it, done or not. */
void mp_keyspace_end_save(mp_keyspace *space);

/* In keyspace_preserve.c: writes what the save may not have yet, before it changes. A key with members:
   the key's own part; a member belongs to `key`. */
void mp_keyspace_preserve(mp_keyspace *space, mp_entry *key);
void mp_keyspace_preserve_member(mp_keyspace *space, const mp_entry *key, mp_entry *member);
void mp_keyspace_preserve_all(mp_keyspace *space, mp_entry *key);

/* The key has no members any more that the save would have to write. */
void mp_keyspace_preserved(mp_keyspace *space, const mp_entry *key);

#endif
