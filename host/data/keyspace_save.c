/*
 * The save of a keyspace: from the last key down to the first, and what was removed meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include "data/keyspace.h"

void mp_keyspace_begin_save(mp_keyspace *space, int64_t now) {
    assert(!space->saving);
    while (mp_keyspace_sweep(space, UINT32_MAX)) /* what was removed before isn't in it */
        ;
    space->saving = true;
    space->save++;
    space->save_began = now;
    space->save_count = 0;
    space->save_place = space->keys.count;
    space->save_key = NULL;
}

static uint32_t below(uint32_t place, const mp_dictionary *dictionary) {
    return place < dictionary->count ? place : dictionary->count;
}

/* Some members of the key. */
static unsigned save_members(mp_keyspace *space, size_t bytes, unsigned most) {
    mp_entry *key = space->save_key;
    unsigned count = 0;
    space->save_member = below(space->save_member, key->members);
    for (; count < most && space->save_member > 0 && space->saved.size < bytes; count++)
        mp_keyspace_preserve_member(space, key, key->members->entries[--space->save_member]);
    if (space->save_member > 0)
        return count;
    mp_keyspace_preserved(space, key);
    space->save_key = NULL;
    return count + 1;
}

bool mp_keyspace_save_some(mp_keyspace *space, size_t bytes, unsigned most) {
    assert(space->saving);
    while (most > 0 && space->saved.size < bytes) {
        unsigned count = 1;
        space->save_place = below(space->save_place, &space->keys);
        if (space->save_key) {
            count = save_members(space, bytes, most);
        } else if (space->save_place > 0) {
            mp_entry *key = space->keys.entries[--space->save_place];
            mp_keyspace_preserve(space, key);
            if (key->members) {
                space->save_key = key;
                space->save_member = key->members->count;
            }
        } else if (!mp_keyspace_sweep(space, most < 64 ? most : 64)) {
            return false;
        } else {
            count = 64;
        }
        most -= count < most ? count : most;
    }
    return true;
}
