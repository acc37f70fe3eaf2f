/*
 * moonport.store.keyspace: strings, keys of any kind, and saves. Times are milliseconds since 1970; 0:
 * never.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/keyspace.h"

#include "data/resp_text.h"
#include "system/system.h"

const char *const binding_entry_kinds[] = {"string", "hash", "set", NULL};

mp_keyspace *binding_check_keyspace(lua_State *L) {
    mp_keyspace *space = lua_touserdata(L, 1);
    luaL_argcheck(L, lua_getmetatable(L, 1) && lua_rawequal(L, -1, lua_upvalueindex(1)), 1, "no keyspace");
    lua_pop(L, 1);
    return space;
}

mp_entry *binding_find_key(lua_State *L, mp_keyspace *space, int index) {
    size_t size;
    const char *key = luaL_checklstring(L, index, &size);
    mp_entry *entry = mp_keyspace_find(space, key, size);
    if (entry && entry->expires > 0 && entry->expires <= mp_system_epoch()) {
        mp_keyspace_remove(space, entry);
        return NULL;
    }
    return entry;
}

static int done(lua_State *L, int result) {
    return result < 0 ? luaL_error(L, "not enough memory") : 0;
}

/* --- strings -------------------------------------------------------------------------------------------- */

/* The string of the key at index 2; else pushes nil: there is none, or false: it is no string. */
static const mp_entry *string_of(lua_State *L) {
    const mp_entry *entry = binding_find_key(L, binding_check_keyspace(L), 2);
    if (entry && entry->kind == MP_ENTRY_STRING)
        return entry;
    if (entry)
        lua_pushboolean(L, 0);
    else
        lua_pushnil(L);
    return NULL;
}

/* space:get(key) -> string | nil: there is none | false: it is no string */
static int keyspace_get(lua_State *L) {
    const mp_entry *entry = string_of(L);
    if (entry)
        lua_pushlstring(L, entry->value, entry->size);
    return 1;
}

/* space:bulk(key) -> the string as a reply | nil, false as above */
static int keyspace_bulk(lua_State *L) {
    const mp_entry *entry = string_of(L);
    if (!entry)
        return 1;
    luaL_Buffer buffer;
    size_t size = mp_resp_string_size(entry->size);
    char *out = luaL_buffinitsize(L, &buffer, size);
    mp_resp_put_string(out, entry->value, entry->size);
    luaL_pushresultsize(&buffer, size);
    return 1;
}

/* space:set(key, value[, expires]) */
static int keyspace_set(lua_State *L) {
    size_t size, value_size;
    mp_keyspace *space = binding_check_keyspace(L);
    const char *key = luaL_checklstring(L, 2, &size), *value = luaL_checklstring(L, 3, &value_size);
    return done(L, mp_keyspace_set(space, key, size, value, value_size, luaL_optinteger(L, 4, 0)));
}

/* --- keys ----------------------------------------------------------------------------------------------- */

/* space:kind(key) -> "string", "hash", "set" | nil */
static int keyspace_kind(lua_State *L) {
    const mp_entry *entry = binding_find_key(L, binding_check_keyspace(L), 2);
    lua_pushstring(L, entry ? binding_entry_kinds[entry->kind] : NULL);
    return 1;
}

/* space:expires(key) -> when | nil: there is no such key */
static int keyspace_expires(lua_State *L) {
    const mp_entry *entry = binding_find_key(L, binding_check_keyspace(L), 2);
    if (!entry)
        return 0;
    lua_pushinteger(L, entry->expires);
    return 1;
}

/* space:expireAt(key, expires): if it is there */
static int keyspace_expire_at(lua_State *L) {
    mp_keyspace *space = binding_check_keyspace(L);
    lua_Integer expires = luaL_checkinteger(L, 3);
    mp_entry *entry = binding_find_key(L, space, 2);
    return entry ? done(L, mp_keyspace_expire_at(space, entry, expires)) : 0;
}

/* space:remove(key) -> whether it was there */
static int keyspace_remove(lua_State *L) {
    mp_keyspace *space = binding_check_keyspace(L);
    mp_entry *entry = binding_find_key(L, space, 2);
    if (entry)
        mp_keyspace_remove(space, entry);
    lua_pushboolean(L, entry != NULL);
    return 1;
}

/* space:rename(key, other): if it is there */
static int keyspace_rename(lua_State *L) {
    mp_keyspace *space = binding_check_keyspace(L);
    size_t size;
    const char *other = luaL_checklstring(L, 3, &size);
    mp_entry *entry = binding_find_key(L, space, 2);
    return entry ? done(L, mp_keyspace_rename(space, entry, other, size)) : 0;
}

/* space:clear() */
static int keyspace_clear(lua_State *L) {
    mp_keyspace_clear(binding_check_keyspace(L));
    return 0;
}

/* space:count() -> number of keys */
static int keyspace_count(lua_State *L) {
    lua_pushinteger(L, binding_check_keyspace(L)->keys.count);
    return 1;
}

/* space:bytes() -> memory */
static int keyspace_bytes(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)binding_check_keyspace(L)->bytes);
    return 1;
}

/* space:changes() -> number of changes since it was made */
static int keyspace_changes(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)binding_check_keyspace(L)->changes);
    return 1;
}

static unsigned check_most(lua_State *L, int index) {
    lua_Integer most = luaL_checkinteger(L, index);
    luaL_argcheck(L, most >= 1 && most <= 1 << 30, index, "not a number of entries");
    return (unsigned)most;
}

/* space:sweep(most) -> whether there is more to free of what was removed */
static int keyspace_sweep(lua_State *L) {
    lua_pushboolean(L, mp_keyspace_sweep(binding_check_keyspace(L), check_most(L, 2)));
    return 1;
}

/* space:removeExpired(most): looks at so many keys that expire */
static int keyspace_remove_expired(lua_State *L) {
    mp_keyspace_remove_expired(binding_check_keyspace(L), mp_system_epoch(), check_most(L, 2));
    return 0;
}

/* --- the save ------------------------------------------------------------------------------------------- */

/* space:beginSave() -> its number */
static int keyspace_begin_save(lua_State *L) {
    mp_keyspace *space = binding_check_keyspace(L);
    if (space->saving)
        return luaL_error(L, "a save is running");
    mp_keyspace_begin_save(space, mp_system_epoch());
    lua_pushinteger(L, space->save);
    return 1;
}

/* space:saveSome(bytes, most) -> commands, whether there are more; looks at so many entries at most */
static int keyspace_save_some(lua_State *L) {
    mp_keyspace *space = binding_check_keyspace(L);
    lua_Integer bytes = luaL_checkinteger(L, 2);
    if (!space->saving)
        return luaL_error(L, "no save is running");
    bool more = mp_keyspace_save_some(space, (size_t)bytes, check_most(L, 3));
    if (space->saved.failed)
        return luaL_error(L, "not enough memory");
    lua_pushlstring(L, space->saved.text ? space->saved.text : "", space->saved.size);
    space->saved.size = 0;
    lua_pushboolean(L, more);
    return 2;
}

/* space:endSave([number]): that one, or any -> how many keys it has written | nil: it isn't running */
static int keyspace_end_save(lua_State *L) {
    mp_keyspace *space = binding_check_keyspace(L);
    if (!space->saving || luaL_optinteger(L, 2, space->save) != space->save)
        return 0;
    mp_keyspace_end_save(space);
    lua_pushinteger(L, (lua_Integer)space->save_count);
    return 1;
}

const luaL_Reg binding_keyspace_methods[] = {
    {"get", keyspace_get},
    {"bulk", keyspace_bulk},
    {"set", keyspace_set},
    {"kind", keyspace_kind},
    {"expires", keyspace_expires},
    {"expireAt", keyspace_expire_at},
    {"remove", keyspace_remove},
    {"rename", keyspace_rename},
    {"clear", keyspace_clear},
    {"count", keyspace_count},
    {"bytes", keyspace_bytes},
    {"changes", keyspace_changes},
    {"sweep", keyspace_sweep},
    {"removeExpired", keyspace_remove_expired},
    {"beginSave", keyspace_begin_save},
    {"saveSome", keyspace_save_some},
    {"endSave", keyspace_end_save},
    {NULL, NULL},
};
