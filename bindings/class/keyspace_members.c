/*
 * moonport.store.keyspace: hashes and sets. A kind is "hash" or "set"; a key that is of another one gives
 * false.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "class/keyspace.h"

static enum mp_entry_kind check_kind(lua_State *L, int index) {
    return *luaL_checkstring(L, index) == 'h' ? MP_ENTRY_HASH : MP_ENTRY_SET;
}

bool binding_find_container(lua_State *L, mp_keyspace *space, mp_entry **entry) {
    enum mp_entry_kind kind = check_kind(L, 2);
    *entry = binding_find_key(L, space, 3);
    if (!*entry || (*entry)->kind == kind)
        return true;
    lua_pushboolean(L, 0);
    return false;
}

/* space:setMember(kind, key, member[, value]) -> 1: it is new, 0: it was there | false */
static int keyspace_set_member(lua_State *L) {
    mp_keyspace *space = binding_check_keyspace(L);
    size_t key_size, size, value_size = 0;
    const char *member = luaL_checklstring(L, 4, &size);
    const char *value = lua_isnoneornil(L, 5) ? NULL : luaL_checklstring(L, 5, &value_size);
    mp_entry *entry;
    if (!binding_find_container(L, space, &entry))
        return 1;
    const char *key = lua_tolstring(L, 3, &key_size);
    entry = mp_keyspace_container(space, key, key_size, check_kind(L, 2));
    bool is_new;
    if (!entry || mp_keyspace_set_member(space, entry, member, size, value, value_size, &is_new) < 0)
        return luaL_error(L, "not enough memory");
    lua_pushinteger(L, is_new);
    return 1;
}

static mp_entry *member_of(lua_State *L, const mp_entry *entry) {
    size_t size;
    const char *member = luaL_checklstring(L, 4, &size);
    return entry ? mp_dictionary_find(entry->members, member, size) : NULL;
}

/* space:member(kind, key, member) -> its value, or true of a set | nil: it isn't there | false */
static int keyspace_member(lua_State *L) {
    mp_entry *entry;
    if (!binding_find_container(L, binding_check_keyspace(L), &entry))
        return 1;
    const mp_entry *member = member_of(L, entry);
    if (!member)
        lua_pushnil(L);
    else if (member->value)
        lua_pushlstring(L, member->value, member->size);
    else
        lua_pushboolean(L, 1);
    return 1;
}

/* space:removeMember(kind, key, member) -> 1: it was there, 0 | false */
static int keyspace_remove_member(lua_State *L) {
    mp_keyspace *space = binding_check_keyspace(L);
    mp_entry *entry;
    if (!binding_find_container(L, space, &entry))
        return 1;
    mp_entry *member = member_of(L, entry);
    if (member)
        (void)mp_keyspace_remove_member(space, entry, member);
    lua_pushinteger(L, member != NULL);
    return 1;
}

/* space:size(kind, key) -> number of members | false */
static int keyspace_size(lua_State *L) {
    mp_entry *entry;
    if (!binding_find_container(L, binding_check_keyspace(L), &entry))
        return 1;
    lua_pushinteger(L, entry ? entry->members->count : 0);
    return 1;
}

/* space:memberAt(kind, key, place) -> the member at this place, from 1 to their number | nil | false */
static int keyspace_member_at(lua_State *L) {
    lua_Integer place = luaL_checkinteger(L, 4);
    mp_entry *entry;
    if (!binding_find_container(L, binding_check_keyspace(L), &entry))
        return 1;
    if (!entry || place < 1 || place > entry->members->count)
        return 0;
    const mp_entry *member = entry->members->entries[place - 1];
    lua_pushlstring(L, member->key, member->key_size);
    return 1;
}

const luaL_Reg binding_keyspace_members[] = {
    {"setMember", keyspace_set_member},       {"member", keyspace_member},
    {"removeMember", keyspace_remove_member}, {"size", keyspace_size},
    {"memberAt", keyspace_member_at},         {NULL, NULL},
};
