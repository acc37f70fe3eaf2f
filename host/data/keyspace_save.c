/*
 * The snapshot of a keyspace, as commands of Redis' protocol: SET for a string, HSET and SADD for each member,
 * and PEXPIREAT behind the last one of a key that expires. Their order is of no matter otherwise.
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/keyspace.h"

enum { NUMBER = 24 /* bytes of one, with its length or its end */ };

/* --- text ----------------------------------------------------------------------------------------------- */

static void put(mp_text *out, const char *text, size_t size) {
    if (size > out->capacity - out->size) {
        size_t capacity = 2 * (out->size + size) + 4096;
        char *room = out->failed ? NULL : realloc(out->text, capacity);
        if (!room) {
            out->failed = true;
            return;
        }
        out->text = room;
        out->capacity = capacity;
    }
    memcpy(out->text + out->size, text, size);
    out->size += size;
}

static void put_string(mp_text *out, const char *text, size_t size) {
    char header[NUMBER];
    put(out, header, (size_t)snprintf(header, NUMBER, "$%zu\r\n", size));
    if (size > 0)
        put(out, text, size);
    put(out, "\r\n", 2);
}

static void put_time(mp_text *out, int64_t time) {
    char text[NUMBER];
    put_string(out, text, (size_t)snprintf(text, NUMBER, "%" PRId64, time));
}

#define PUT(out, literal) put(out, literal, sizeof(literal) - 1)

static void put_set(mp_text *out, const mp_entry *entry) {
    if (entry->expires > 0)
        PUT(out, "*5\r\n$3\r\nSET\r\n");
    else
        PUT(out, "*3\r\n$3\r\nSET\r\n");
    put_string(out, entry->key, entry->key_size);
    put_string(out, entry->value, entry->size);
    if (entry->expires == 0)
        return;
    PUT(out, "$4\r\nPXAT\r\n");
    put_time(out, entry->expires);
}

static void put_member(mp_text *out, const mp_entry *key, const mp_entry *member) {
    if (key->kind == MP_ENTRY_HASH)
        PUT(out, "*4\r\n$4\r\nHSET\r\n");
    else
        PUT(out, "*3\r\n$4\r\nSADD\r\n");
    put_string(out, key->key, key->key_size);
    put_string(out, member->key, member->key_size);
    if (key->kind == MP_ENTRY_HASH)
        put_string(out, member->value, member->size);
}

/* --- what changes during a save ------------------------------------------------------------------------- */

static bool is_expired(const mp_keyspace *space, const mp_entry *entry) {
    return entry->expires > 0 && entry->expires <= space->save_began;
}

/* A key that has expired isn't written; nor are its members then. */
enum { LEFT_OUT = -1 };

void mp_keyspace_preserve(mp_keyspace *space, mp_entry *key) {
    if (!space->saving || key->saved == space->save)
        return;
    key->saved = space->save;
    if (key->members) {
        key->members->expires = is_expired(space, key) ? LEFT_OUT : key->expires;
        space->save_count += key->members->expires != LEFT_OUT;
    } else if (!is_expired(space, key)) {
        put_set(&space->saved, key);
        space->save_count++;
    }
}

void mp_keyspace_preserve_member(mp_keyspace *space, const mp_entry *key, mp_entry *member) {
    if (!space->saving || member->saved == space->save)
        return;
    member->saved = space->save;
    if (key->members->expires != LEFT_OUT)
        put_member(&space->saved, key, member);
}

void mp_keyspace_preserved(mp_keyspace *space, const mp_entry *key) {
    if (!space->saving || key->members->expires <= 0)
        return;
    PUT(&space->saved, "*3\r\n$9\r\nPEXPIREAT\r\n");
    put_string(&space->saved, key->key, key->key_size);
    put_time(&space->saved, key->members->expires);
    key->members->expires = 0;
}

void mp_keyspace_preserve_all(mp_keyspace *space, mp_entry *key) {
    mp_keyspace_preserve(space, key);
    if (!space->saving || !key->members)
        return;
    for (uint32_t i = 0; i < key->members->count; i++)
        mp_keyspace_preserve_member(space, key, key->members->entries[i]);
    mp_keyspace_preserved(space, key);
}

/* --- the save ------------------------------------------------------------------------------------------- */

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

void mp_keyspace_end_save(mp_keyspace *space) {
    space->saving = false;
    space->save_key = NULL;
    free(space->saved.text);
    space->saved = (mp_text){0};
}
