/*
 * moonport.store.keyspace: what moonport.store leaves to C. Its keys and values are no objects of Lua, so
 * that the collector has nothing to do with how many there are.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/keyspace.h"
#include "data/glob.h"
#include "system/system.h"

/* keyspace.matches(glob, text) -> boolean */
static int matches(lua_State *L) {
    size_t glob_size, size;
    const char *glob = luaL_checklstring(L, 1, &glob_size), *text = luaL_checklstring(L, 2, &size);
    luaL_argcheck(L, glob_size <= MP_GLOB_SIZE, 1, "too long");
    lua_pushboolean(L, mp_glob_matches(glob, glob_size, text, size));
    return 1;
}

/* keyspace.now() -> milliseconds since 1970 */
static int now(lua_State *L) {
    lua_pushinteger(L, mp_system_epoch());
    return 1;
}

static int keyspace_collect(lua_State *L) {
    mp_keyspace_free(lua_touserdata(L, 1));
    return 0;
}

/* keyspace.new() -> an empty one */
static int new_keyspace(lua_State *L) {
    uint64_t seed[2];
    mp_system_random(seed, sizeof seed);
    mp_keyspace *space = lua_newuserdatauv(L, sizeof *space, 0);
    mp_keyspace_init(space, seed);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, -2);
    return 1;
}

static void add_methods(lua_State *L, const luaL_Reg *methods) {
    for (; methods->name; methods++) {
        lua_pushvalue(L, -2); /* the metatable */
        lua_pushcclosure(L, methods->func, 1);
        lua_setfield(L, -2, methods->name);
    }
}

int luaopen_moonport_store_keyspace(lua_State *L) {
    static const luaL_Reg functions[] = {{"matches", matches}, {"now", now}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_pushinteger(L, MP_GLOB_SIZE);
    lua_setfield(L, -2, "longestGlob");
    lua_newtable(L);
    lua_newtable(L);
    add_methods(L, binding_keyspace_methods);
    add_methods(L, binding_keyspace_members);
    add_methods(L, binding_keyspace_scan);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushcfunction(L, keyspace_collect);
    lua_setfield(L, -2, "__gc");
    lua_pushcclosure(L, new_keyspace, 1);
    lua_setfield(L, -2, "new");
    return 1;
}
