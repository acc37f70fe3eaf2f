/*
 * Whose code calls; see staged.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/staged.h"

#include <lauxlib.h>
#include <string.h>

#define LEVELS 64 /* of a stack that are looked at */

/* Registry key: the globals of generations that have not served -> their numbers, weak. */
static const char staged_key = 0;

void program_stage_globals(lua_State *L, unsigned generation) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &staged_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_createtable(L, 0, 1);
        lua_pushliteral(L, "k");
        lua_setfield(L, -2, "__mode");
        lua_setmetatable(L, -2);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &staged_key);
    }
    lua_insert(L, -2);
    lua_pushinteger(L, generation);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

void program_serve_globals(lua_State *L, unsigned generation) {
    int top = lua_gettop(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &staged_key);
    for (lua_pushnil(L); lua_next(L, top + 1); lua_settop(L, top + 2)) {
        if (lua_tointeger(L, top + 3) != (lua_Integer)generation)
            continue;
        lua_settop(L, top + 2);
        lua_pushnil(L);
        lua_rawset(L, top + 1); /* a field that is there: no memory is needed */
        break;
    }
    lua_settop(L, top);
}

/* Is the function on top, which is popped, one of a generation that has not served? */
static bool is_staged(lua_State *L) {
    int function = lua_gettop(L);
    const char *name = NULL;
    bool staged = false;
    for (int i = 1; !lua_iscfunction(L, function) && (name = lua_getupvalue(L, function, i)); i++) {
        if (strcmp(name, "_ENV") == 0 && lua_istable(L, -1)) {
            lua_rawgetp(L, LUA_REGISTRYINDEX, &staged_key);
            lua_insert(L, -2);
            staged = lua_rawget(L, -2) == LUA_TNUMBER;
            break;
        }
        lua_pop(L, 1);
    }
    lua_settop(L, function - 1);
    return staged;
}

bool program_is_called_by_staged(lua_State *L) {
    lua_Debug where;
    bool staged = false;
    luaL_checkstack(L, 4, NULL);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &staged_key) == LUA_TTABLE)
        for (int level = 0; level < LEVELS && !staged && lua_getstack(L, level, &where); level++) {
            lua_getinfo(L, "f", &where);
            staged = is_staged(L);
        }
    lua_pop(L, 1);
    return staged;
}
