/*
 * The keys of a store, and what removes them. See keyspace.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/keyspace.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void mp_keyspace_init(mp_keyspace *space, const uint64_t seed[2]) {
    *space = (mp_keyspace){.seed = {seed[0], seed[1]}};
    mp_dictionary_init(&space->keys, space->seed, &space->bytes);
}

void mp_keyspace_free(mp_keyspace *space) {
    mp_keyspace_end_save(space);
    mp_keyspace_clear(space);
    while (mp_keyspace_sweep(space, UINT32_MAX))
        ;
    mp_dictionary_clear(&space->keys);
    free(space->expiring);
    mp_keyspace_init(space, space->seed);
}

/* --- expiry --------------------------------------------------------------------------------------------- */

static bool make_room_to_expire(mp_keyspace *space) {
    if (space->expiring_count < space->expiring_capacity)
        return true;
    uint32_t capacity = space->expiring_capacity > 0 ? space->expiring_capacity * 2 : 64;
    mp_entry **room = realloc(space->expiring, capacity * sizeof(mp_entry *));
    if (!room)
        return false;
    space->expiring = room;
    space->expiring_capacity = capacity;
    return true;
}

static void never_expire(mp_keyspace *space, mp_entry *entry) {
    if (entry->expires == 0)
        return;
    mp_entry *last = space->expiring[--space->expiring_count];
    space->expiring[entry->expiring] = last;
    last->expiring = entry->expiring;
    entry->expires = 0;
}

static int set_expiry(mp_keyspace *space, mp_entry *entry, int64_t expires) {
    if (expires == 0) {
        never_expire(space, entry);
        return 0;
    }
    if (entry->expires == 0) {
        if (!make_room_to_expire(space))
            return -ENOMEM;
        entry->expiring = space->expiring_count;
        space->expiring[space->expiring_count++] = entry;
    }
    entry->expires = expires;
    return 0;
}

int mp_keyspace_expire_at(mp_keyspace *space, mp_entry *entry, int64_t expires) {
    mp_keyspace_preserve(space, entry);
    space->changes++;
    return set_expiry(space, entry, expires);
}

void mp_keyspace_remove_expired(mp_keyspace *space, int64_t now, unsigned most) {
    if (most > space->expiring_count)
        most = space->expiring_count;
    for (; most > 0; most--) {
        if (space->expiring_next >= space->expiring_count)
            space->expiring_next = 0;
        mp_entry *entry = space->expiring[space->expiring_next];
        if (entry->expires <= now)
            mp_keyspace_remove(space, entry); /* another takes its place */
        else
            space->expiring_next++;
    }
}

/* --- keys ----------------------------------------------------------------------------------------------- */

/* A key that the running save doesn't have to write, since it is new. */
static mp_entry *add_key(mp_keyspace *space, const char *key, size_t size) {
    mp_entry *entry = mp_dictionary_add(&space->keys, key, size);
    if (entry)
        entry->saved = space->save;
    return entry;
}

/* What is large is freed later. */
static void bury(mp_keyspace *space, mp_entry *entry) {
    if (!entry->members) {
        mp_entry_free(entry, &space->bytes);
        return;
    }
    if (space->save_key == entry)
        space->save_key = NULL;
    entry->next = space->removed;
    space->removed = entry;
}

/* Takes a key out, which the running save has. */
static void take(mp_keyspace *space, mp_entry *entry) {
    never_expire(space, entry);
    mp_dictionary_take(&space->keys, entry);
}

void mp_keyspace_remove(mp_keyspace *space, mp_entry *entry) {
    mp_keyspace_preserve(space, entry);
    space->changes++;
    take(space, entry);
    bury(space, entry);
}

/* A new key, in place of what had its name: that is removed when nothing can fail any more. */
static void replace(mp_keyspace *space, mp_entry *entry, int64_t expires, mp_entry *before) {
    (void)set_expiry(space, entry, expires); /* there is room */
    if (before)
        mp_keyspace_remove(space, before);
}

int mp_keyspace_set(mp_keyspace *space, const char *key, size_t size, const char *value, size_t value_size,
                    int64_t expires) {
    mp_entry *before = mp_keyspace_find(space, key, size);
    bool is_new = !before || before->members;
    if (expires != 0 && !make_room_to_expire(space))
        return -ENOMEM;
    mp_entry *entry = is_new ? add_key(space, key, size) : before;
    if (!entry)
        return -ENOMEM;
    mp_keyspace_preserve(space, entry);
    int result = mp_entry_set(entry, &space->bytes, value, value_size);
    if (result < 0 && is_new) {
        take(space, entry);
        mp_entry_free(entry, &space->bytes);
    }
    if (result < 0)
        return result;
    replace(space, entry, expires, is_new ? before : NULL);
    space->changes++;
    return 0;
}

int mp_keyspace_rename(mp_keyspace *space, mp_entry *entry, const char *key, size_t size) {
    mp_entry *before = mp_keyspace_find(space, key, size);
    if (before == entry)
        return 0;
    if (entry->expires != 0 && !make_room_to_expire(space))
        return -ENOMEM;
    mp_entry *renamed = add_key(space, key, size);
    if (!renamed)
        return -ENOMEM;
    mp_keyspace_preserve_all(space, entry);
    replace(space, renamed, entry->expires, before);
    if (space->save_key == entry)
        space->save_key = NULL;
    renamed->kind = entry->kind;
    renamed->value = entry->value;
    renamed->size = entry->size;
    renamed->members = entry->members;
    entry->value = NULL;
    entry->size = 0;
    entry->members = NULL;
    space->changes++;
    take(space, entry);
    mp_entry_free(entry, &space->bytes);
    return 0;
}

void mp_keyspace_clear(mp_keyspace *space) {
    uint32_t count = space->keys.count;
    space->changes += count;
    space->expiring_count = 0;
    space->expiring_next = 0;
    space->save_key = NULL;
    if (count == 0)
        return;
    mp_dictionary *list = realloc(space->cleared, (space->cleared_count + 1) * sizeof *list);
    if (!list) { /* then at once */
        while (space->keys.count > 0) {
            mp_entry *entry = space->keys.entries[space->keys.count - 1];
            mp_keyspace_preserve(space, entry);
            mp_dictionary_take(&space->keys, entry);
            bury(space, entry);
        }
        return;
    }
    space->cleared = list;
    list[space->cleared_count++] = space->keys;
    mp_dictionary_init(&space->keys, space->seed, &space->bytes);
}

/* --- members -------------------------------------------------------------------------------------------- */

mp_entry *mp_keyspace_container(mp_keyspace *space, const char *key, size_t size, enum mp_entry_kind kind) {
    mp_entry *entry = mp_keyspace_find(space, key, size);
    if (entry)
        return entry;
    mp_dictionary *members = malloc(sizeof *members);
    if (!members || !(entry = add_key(space, key, size))) {
        free(members);
        return NULL;
    }
    mp_dictionary_init(members, space->seed, &space->bytes);
    space->bytes += sizeof *members;
    entry->members = members;
    entry->kind = (uint8_t)kind;
    return entry;
}

static void remove_if_empty(mp_keyspace *space, mp_entry *entry) {
    if (entry->members->count == 0)
        mp_keyspace_remove(space, entry);
}

int mp_keyspace_set_member(mp_keyspace *space, mp_entry *entry, const char *member, size_t size,
                           const char *value, size_t value_size, bool *is_new) {
    mp_entry *one = mp_dictionary_find(entry->members, member, size);
    *is_new = !one;
    mp_keyspace_preserve(space, entry);
    if (one) {
        mp_keyspace_preserve_member(space, entry, one);
    } else {
        one = mp_dictionary_add(entry->members, member, size);
        if (!one) {
            remove_if_empty(space, entry);
            return -ENOMEM;
        }
        one->saved = space->save;
    }
    if (value && mp_entry_set(one, &space->bytes, value, value_size) < 0) {
        if (*is_new)
            (void)mp_keyspace_remove_member(space, entry, one);
        return -ENOMEM;
    }
    space->changes++;
    return 0;
}

bool mp_keyspace_remove_member(mp_keyspace *space, mp_entry *entry, mp_entry *member) {
    mp_keyspace_preserve(space, entry);
    mp_keyspace_preserve_member(space, entry, member);
    mp_dictionary_take(entry->members, member);
    mp_entry_free(member, &space->bytes);
    space->changes++;
    bool last = entry->members->count == 0;
    remove_if_empty(space, entry);
    return last;
}

/* --- freeing -------------------------------------------------------------------------------------------- */

/* Frees members of the key that was removed last. -> how many */
static unsigned sweep_removed(mp_keyspace *space, unsigned most) {
    mp_entry *key = space->removed;
    mp_dictionary *members = key->members;
    unsigned count = 0;
    for (; count < most && members->count > 0; count++) {
        mp_entry *member = members->entries[members->count - 1];
        mp_keyspace_preserve_member(space, key, member);
        mp_dictionary_take(members, member);
        mp_entry_free(member, &space->bytes);
    }
    if (members->count > 0)
        return count;
    mp_keyspace_preserved(space, key);
    space->removed = key->next;
    key->members = NULL;
    mp_dictionary_clear(members);
    space->bytes -= sizeof *members;
    free(members);
    mp_entry_free(key, &space->bytes);
    return count + 1;
}

/* Takes keys out of what was cleared last. -> how many */
static unsigned sweep_cleared(mp_keyspace *space, unsigned most) {
    mp_dictionary *keys = &space->cleared[space->cleared_count - 1];
    unsigned count = 0;
    for (; count < most && keys->count > 0 && !space->removed; count++) {
        mp_entry *entry = keys->entries[keys->count - 1];
        mp_keyspace_preserve(space, entry);
        mp_dictionary_take(keys, entry);
        bury(space, entry);
    }
    if (keys->count == 0) {
        mp_dictionary_clear(keys);
        if (--space->cleared_count == 0) {
            free(space->cleared);
            space->cleared = NULL;
        }
    }
    return count + 1;
}

bool mp_keyspace_sweep(mp_keyspace *space, unsigned most) {
    while (most > 0 && (space->removed || space->cleared_count > 0)) {
        unsigned count = space->removed ? sweep_removed(space, most) : sweep_cleared(space, most);
        most -= count < most ? count : most;
    }
    return space->removed || space->cleared_count > 0;
}
