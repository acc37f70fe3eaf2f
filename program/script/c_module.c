/*
 * C modules; see c_module.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/c_module.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "script/environment.h"
#include "script/search.h"
#include "system/file.h"

/* Registry key of a table: path -> what the file was when it was loaded, as bytes. */
static const char noted = 0;

/* Lua's searchers of C modules, by their place in package.searchers. */
enum { FIRST_C_SEARCHER = 3, LAST_C_SEARCHER = 4 };

static void note(lua_State *L, const char *path) {
    mp_file_status status;
    (void)mp_system_file_status(path, &status);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &noted);
    if (lua_getfield(L, -1, path) == LUA_TNIL) {
        lua_pushlstring(L, (const char *)&status, sizeof status);
        lua_setfield(L, -3, path);
    }
    lua_pop(L, 2);
}

/* name -> loader, path | message. Upvalue: Lua's searcher */
static int search(lua_State *L) {
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, LUA_MULTRET);
    if (lua_gettop(L) == 2 && lua_isfunction(L, 1) && lua_type(L, 2) == LUA_TSTRING)
        note(L, lua_tostring(L, 2));
    return lua_gettop(L);
}

void program_note_c_modules(lua_State *L) {
    int top = lua_gettop(L);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &noted);
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_getfield(L, -1, "searchers");
    for (int i = FIRST_C_SEARCHER; i <= LAST_C_SEARCHER; i++) {
        lua_rawgeti(L, -1, i);
        lua_pushcclosure(L, search, 1);
        lua_rawseti(L, -2, i);
    }
    lua_settop(L, top);
}

/* Pushes the name of a module's function: it begins after a "-", if there is one, and has underscores for
   dots. */
static void push_function_name(lua_State *L, const char *name) {
    const char *mark = strchr(name, '-');
    luaL_gsub(L, mark ? mark + 1 : name, ".", "_");
    lua_pushfstring(L, "luaopen_%s", lua_tostring(L, -1));
    lua_remove(L, -2);
}

void program_load_c_module(lua_State *L, const char *name, const char *path) {
    note(L, path);
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_getfield(L, -1, "loadlib");
    lua_remove(L, -2);
    lua_pushstring(L, path);
    push_function_name(L, name);
    lua_call(L, 2, 2);
    if (lua_isnil(L, -2))
        luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, path, lua_tostring(L, -1));
    lua_pop(L, 1);
    lua_pushstring(L, path);
}

void program_watch_c_modules(lua_State *L, int environment) {
    int top = lua_gettop(L);
    environment = lua_absindex(L, environment);
    lua_getfield(L, environment, PROGRAM_SOURCES);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &noted);
    for (lua_pushnil(L); lua_next(L, top + 2); lua_settop(L, top + 3)) {
        if (!program_is_own(L, environment, lua_tostring(L, top + 3)))
            continue;
        lua_pushvalue(L, top + 3);
        lua_pushboolean(L, 1);
        lua_rawset(L, top + 1);
    }
    lua_settop(L, top);
}

/* threshold -> */
static int warn(lua_State *L) {
    enum mp_log_level threshold = (enum mp_log_level)lua_tointeger(L, 1);
    mp_file_status loaded, status;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &noted);
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        memcpy(&loaded, lua_tostring(L, -1), sizeof loaded);
        (void)mp_system_file_status(lua_tostring(L, -2), &status);
        if (!mp_system_same_file(&loaded, &status))
            mp_log(threshold, MP_LOG_WARNING,
                   "%s has changed: a C module stays as it was loaded until a restart", lua_tostring(L, -2));
    }
    return 0;
}

void program_warn_of_c_modules(lua_State *L, enum mp_log_level threshold) {
    lua_pushcfunction(L, warn);
    lua_pushinteger(L, threshold);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        lua_pop(L, 1);
}
