/*
 * Keys of any bytes and what they stand for: a string, or the members of a hash or a set, in a dictionary
 * of their own. No call takes longer because there are many: the table grows and shrinks by one bucket at
 * a time (linear hashing).
 *
 * Each entry also has a place in an array, which the last one takes when it leaves. So who looks at the
 * places from the last down to the first sees each entry that is there all the time, whatever comes and
 * goes meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_DICTIONARY_H
#define MP_DICTIONARY_H

#include <stddef.h>
#include <stdint.h>

enum mp_entry_kind { MP_ENTRY_STRING, MP_ENTRY_HASH, MP_ENTRY_SET };

typedef struct mp_dictionary mp_dictionary;

typedef struct mp_entry {
    struct mp_entry *next; /* of its bucket */
    uint32_t hash;
    uint32_t place;
    uint32_t key_size;
    uint32_t size;          /* of the value */
    char *value;            /* of a string, which a hash's member is too; NULL: none */
    mp_dictionary *members; /* of a hash or a set */
    int64_t expires;        /* milliseconds since 1970; 0: never */
    uint32_t expiring;      /* its place among those that expire */
    uint32_t saved;         /* the number of the last save that has it */
    uint8_t kind;
    char key[];
} mp_entry;

struct mp_dictionary {
    const uint64_t *seed; /* two */
    size_t *bytes;        /* counts the memory of all that is in it */
    mp_entry **buckets;
    mp_entry **entries;
    uint32_t bucket_count, mask;
    uint32_t count;
    uint32_t capacity; /* of both arrays */
    int64_t expires;   /* what the running save shall say about the key of these members; 0: nothing */
};

void mp_dictionary_init(mp_dictionary *dictionary, const uint64_t *seed, size_t *bytes);

/* Frees an empty one's arrays. */
void mp_dictionary_clear(mp_dictionary *dictionary);

mp_entry *mp_dictionary_find(const mp_dictionary *dictionary, const char *key, size_t size);

/* Adds an entry without a value. NULL: there is no memory. An entry that has the key already must be taken
   out next; meanwhile the new one is found. */
mp_entry *mp_dictionary_add(mp_dictionary *dictionary, const char *key, size_t size);

/* Takes an entry out; it is the caller's then. */
void mp_dictionary_take(mp_dictionary *dictionary, mp_entry *entry);

/* Sets a copy of the value. Returns 0 or -ENOMEM; then the old value is still there. */
int mp_entry_set(mp_entry *entry, size_t *bytes, const char *value, size_t size);

/* Frees an entry that was taken out, and has no members any more. */
void mp_entry_free(mp_entry *entry, size_t *bytes);

#endif
