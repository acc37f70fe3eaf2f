/*
 * moonport.store.keyspace: what looks at many keys or members.
 *
 * A scan goes down the places, some at each call. So it sees all that is there from its first call to its
 * last, and some perhaps twice.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/keyspace.h"
#include "data/glob.h"
#include "data/resp_text.h"
#include "system/system.h"

/* Of (…, cursor, count[, glob]) from the index on. */
typedef struct range {
    uint32_t place; /* what lies below is to be looked at */
    uint32_t stop;
    const char *glob; /* NULL: all */
    size_t glob_size;
} range;

/* A cursor of 0 is the beginning. */
static range check_scan(lua_State *L, int index, const mp_dictionary *dictionary) {
    range scan = {0};
    lua_Integer cursor = luaL_checkinteger(L, index), count = luaL_checkinteger(L, index + 1);
    uint32_t all = dictionary ? dictionary->count : 0;
    scan.place = cursor > 0 && cursor < all ? (uint32_t)cursor : all;
    scan.stop = count < scan.place ? scan.place - (uint32_t)count : 0;
    if (!lua_isnoneornil(L, index + 2)) {
        scan.glob = luaL_checklstring(L, index + 2, &scan.glob_size);
        luaL_argcheck(L, scan.glob_size <= MP_GLOB_SIZE, index + 2, "too long");
    }
    return scan;
}

static bool fits(const range *scan, const mp_entry *entry) {
    return !scan->glob || mp_glob_matches(scan->glob, scan->glob_size, entry->key, entry->key_size);
}

/* space:scan(cursor, count[, glob[, kind]]) -> the next cursor, or 0, a list of keys */
static int keyspace_scan(lua_State *L) {
    const mp_keyspace *space = binding_check_keyspace(L);
    range scan = check_scan(L, 2, &space->keys);
    int kind = lua_isnoneornil(L, 5) ? -1 : luaL_checkoption(L, 5, NULL, binding_entry_kinds);
    int64_t time = mp_system_epoch();
    lua_Integer found = 0;
    lua_settop(L, 4);
    lua_newtable(L);
    while (scan.place > scan.stop && scan.place <= space->keys.count) {
        const mp_entry *entry = space->keys.entries[--scan.place];
        if ((entry->expires > 0 && entry->expires <= time) || (kind >= 0 && entry->kind != kind) ||
            !fits(&scan, entry))
            continue;
        lua_pushlstring(L, entry->key, entry->key_size);
        lua_rawseti(L, 5, ++found);
    }
    lua_pushinteger(L, scan.place);
    lua_insert(L, 5);
    return 2;
}

/* The members of (space, kind, key); NULL: there are none. False: it is of another kind, and false is
   pushed. */
static bool members_of(lua_State *L, const mp_dictionary **members) {
    mp_entry *entry;
    if (!binding_find_container(L, binding_check_keyspace(L), &entry))
        return false;
    *members = entry ? entry->members : NULL;
    return true;
}

/* space:scanMembers(kind, key, cursor, count[, glob]) -> the next cursor, or 0, a list of members, each
   followed by its value if it is a hash | false */
static int keyspace_scan_members(lua_State *L) {
    const mp_dictionary *members;
    if (!members_of(L, &members))
        return 1;
    range scan = check_scan(L, 4, members);
    lua_Integer found = 0;
    lua_settop(L, 6);
    lua_newtable(L);
    while (members && scan.place > scan.stop) {
        const mp_entry *member = members->entries[--scan.place];
        if (!fits(&scan, member))
            continue;
        lua_pushlstring(L, member->key, member->key_size);
        lua_rawseti(L, 7, ++found);
        if (!member->value)
            continue;
        lua_pushlstring(L, member->value, member->size);
        lua_rawseti(L, 7, ++found);
    }
    lua_pushinteger(L, scan.place);
    lua_insert(L, 7);
    return 2;
}

/* The string at out, or only counted. -> bytes */
static size_t put_string(char *out, const char *text, size_t size) {
    return out ? (size_t)(mp_resp_put_string(out, text, size) - out) : mp_resp_string_size(size);
}

/* All members as strings of a reply, at out, or only counted. -> bytes */
static size_t put_members(char *out, const mp_dictionary *members, bool keys, bool values) {
    size_t size = 0;
    for (uint32_t i = 0; members && i < members->count; i++) {
        const mp_entry *member = members->entries[i];
        if (keys)
            size += put_string(out ? out + size : NULL, member->key, member->key_size);
        if (values)
            size += put_string(out ? out + size : NULL, member->value, member->size);
    }
    return size;
}

/* space:members(kind, key, "keys" | "values" | "both", most) -> their number, all as strings of a reply
   in a row | nil: they are more than `most` bytes | false */
static int keyspace_members(lua_State *L) {
    static const char *const parts[] = {"keys", "values", "both", NULL};
    const mp_dictionary *members;
    int part = luaL_checkoption(L, 4, NULL, parts);
    size_t most = (size_t)luaL_checkinteger(L, 5);
    if (!members_of(L, &members))
        return 1;
    size_t size = put_members(NULL, members, part != 1, part != 0);
    if (size > most)
        return 0;
    lua_pushinteger(L, members ? members->count : 0);
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, size);
    put_members(out, members, part != 1, part != 0);
    luaL_pushresultsize(&buffer, size);
    return 2;
}

const luaL_Reg binding_keyspace_scan[] = {
    {"scan", keyspace_scan},
    {"scanMembers", keyspace_scan_members},
    {"members", keyspace_members},
    {NULL, NULL},
};
