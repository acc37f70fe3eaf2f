/*
 * Refusing bytecode; see bytecode.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "run/bytecode.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <string.h>

/* Lua's searcher of modules in Lua, by its place in package.searchers. */
enum { LUA_SEARCHER = 2 };

/* Registry key: true in a state that refuses bytecode. */
static const char refuses = 0;

/* Lua's own. Not an upvalue, which debug.getupvalue would give to scripts. The first state that refuses
   bytecode sets it, before there is a second thread. */
static lua_CFunction own_load;

const char *binding_chunk_mode(lua_State *L, const char *asked) {
    bool text = lua_rawgetp(L, LUA_REGISTRYINDEX, &refuses) != LUA_TNIL;
    lua_pop(L, 1);
    if (!text)
        return asked ? asked : "bt";
    if (!asked || strchr(asked, 't'))
        return "t";
    luaL_pushfail(L);
    lua_pushliteral(L, "bytecode is refused (see --allow-bytecode)");
    return NULL;
}

/* load(chunk, name, mode, environment) -> function | nil, message */
static int load(lua_State *L) {
    const char *mode = binding_chunk_mode(L, luaL_optstring(L, 3, NULL));
    if (!mode)
        return 2;
    if (lua_gettop(L) < 3)
        lua_settop(L, 3);
    lua_pushstring(L, mode);
    lua_replace(L, 3);
    return own_load(L);
}

/* loadfile(path, mode, environment) -> function | nil, message */
static int load_file(lua_State *L) {
    const char *path = luaL_optstring(L, 1, NULL);
    const char *mode = binding_chunk_mode(L, luaL_optstring(L, 2, NULL));
    if (!mode)
        return 2;
    if (luaL_loadfilex(L, path, mode) != LUA_OK) {
        luaL_pushfail(L);
        lua_insert(L, -2);
        return 2;
    }
    if (lua_type(L, 3) != LUA_TNONE) {
        lua_pushvalue(L, 3);
        if (!lua_setupvalue(L, -2, 1))
            lua_pop(L, 1);
    }
    return 1;
}

static int all_results(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    return lua_gettop(L) - 1;
}

/* dofile(path) -> what the file returns */
static int do_file(lua_State *L) {
    const char *path = luaL_optstring(L, 1, NULL);
    lua_settop(L, 1);
    if (luaL_loadfilex(L, path, "t") != LUA_OK)
        return lua_error(L);
    lua_callk(L, 0, LUA_MULTRET, 0, all_results);
    return all_results(L, LUA_OK, 0);
}

/* name -> loader, path | message */
static int search(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_getfield(L, 2, "searchpath");
    lua_pushvalue(L, 1);
    lua_getfield(L, 2, "path");
    if (!lua_isstring(L, -1))
        return luaL_error(L, "'package.path' must be a string");
    lua_call(L, 2, 2);
    const char *path = lua_tostring(L, -2);
    if (!path)
        return 1;
    lua_pop(L, 1);
    if (luaL_loadfilex(L, path, "t") != LUA_OK)
        return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, path,
                          lua_tostring(L, -1));
    lua_insert(L, -2);
    return 2;
}

void binding_refuse_bytecode(lua_State *L) {
    lua_pushboolean(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &refuses);
    lua_getglobal(L, "load");
    if (!own_load)
        own_load = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    lua_register(L, "load", load);
}

void binding_refuse_bytecode_files(lua_State *L) {
    lua_register(L, "loadfile", load_file);
    lua_register(L, "dofile", do_file);
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_getfield(L, -1, "searchers");
    lua_pushcfunction(L, search);
    lua_rawseti(L, -2, LUA_SEARCHER);
    lua_pop(L, 2);
}
