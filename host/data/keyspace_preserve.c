/*
 * What a save writes of a keyspace, as commands of Redis' protocol: SET for a string, HSET and SADD for
 * each member, and PEXPIREAT behind the last one of a key that expires. Their order is of no matter
 * otherwise.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "data/keyspace.h"
#include "data/resp_text.h"

/* --- text ----------------------------------------------------------------------------------------------- */

/* Where so many bytes have room. NULL: there is no memory for them. */
static char *make_room(mp_text *out, size_t size) {
    if (size > out->capacity - out->size) {
        size_t capacity = 2 * (out->size + size) + 4096;
        char *room = out->failed ? NULL : realloc(out->text, capacity);
        if (!room) {
            out->failed = true;
            return NULL;
        }
        out->text = room;
        out->capacity = capacity;
    }
    char *room = out->text + out->size;
    out->size += size;
    return room;
}

static void put(mp_text *out, const char *text, size_t size) {
    char *room = make_room(out, size);
    if (room)
        memcpy(room, text, size);
}

static void put_string(mp_text *out, const char *text, size_t size) {
    char *room = make_room(out, mp_resp_string_size(size));
    if (room)
        mp_resp_put_string(room, text, size);
}

static void put_time(mp_text *out, int64_t time) {
    char text[MP_RESP_HEADER], *end = text + sizeof text;
    const char *begin = mp_resp_put_number(end, time);
    put_string(out, begin, (size_t)(end - begin));
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

void mp_keyspace_end_save(mp_keyspace *space) {
    space->saving = false;
    space->save_key = NULL;
    free(space->saved.text);
    space->saved = (mp_text){0};
}
