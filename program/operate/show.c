/*
 * Values as the console shows them; see show.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/show.h"

#include <lauxlib.h>

#define MOST_FIELDS 40
#define LONGEST 200 /* bytes of a string in a table that are shown */

/* Pushes the short text of the value at `index`, which isn't changed. */
static void push_short(lua_State *L, int index) {
    size_t size;
    lua_pushvalue(L, index);
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: {
        const char *text = lua_tolstring(L, -1, &size);
        lua_pushlstring(L, text, size < LONGEST ? size : LONGEST);
        lua_pushfstring(L, size < LONGEST ? "\"%s\"" : "\"%s...\"", lua_tostring(L, -1));
        break;
    }
    case LUA_TNUMBER: lua_pushstring(L, lua_tostring(L, -1)); break;
    case LUA_TUSERDATA: luaL_tolstring(L, -1, NULL); break;
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false"); break;
    default: lua_pushstring(L, luaL_typename(L, -1)); break;
    }
    lua_replace(L, lua_absindex(L, index < 0 ? index - 1 : -2));
}

/* Stack: …, key, value -> …, "key = value" or "value" where the key is `next`. */
static void push_field(lua_State *L, lua_Integer next) {
    int key = lua_gettop(L) - 1;
    push_short(L, key + 1);
    if (lua_isinteger(L, key) && lua_tointeger(L, key) == next)
        return;
    if (lua_type(L, key) == LUA_TSTRING) {
        lua_pushfstring(L, "%s = %s", lua_tostring(L, key), lua_tostring(L, -1));
    } else {
        push_short(L, key);
        lua_pushfstring(L, "[%s] = %s", lua_tostring(L, -1), lua_tostring(L, -2));
    }
}

/* table -> table, list of the texts of its fields */
static void push_fields(lua_State *L) {
    int table = lua_gettop(L), parts = table + 1;
    lua_Integer count = 0, next = 1;
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, table); lua_settop(L, parts + 1)) {
        if (count == MOST_FIELDS) {
            lua_pushliteral(L, "...");
            lua_rawseti(L, parts, ++count);
            break;
        }
        push_field(L, next);
        next += lua_isinteger(L, parts + 1) && lua_tointeger(L, parts + 1) == next;
        lua_rawseti(L, parts, ++count);
    }
    lua_settop(L, parts);
}

void program_show(lua_State *L) {
    int value = lua_gettop(L);
    if (lua_type(L, value) != LUA_TTABLE || luaL_getmetafield(L, value, "__tostring") != LUA_TNIL) {
        luaL_tolstring(L, value, NULL);
        lua_replace(L, value);
        lua_settop(L, value);
        return;
    }
    luaL_Buffer text;
    push_fields(L);
    int parts = lua_gettop(L);
    lua_Integer count = (lua_Integer)lua_rawlen(L, parts);
    luaL_buffinit(L, &text);
    luaL_addstring(&text, "{");
    for (lua_Integer i = 1; i <= count; i++) {
        luaL_addstring(&text, i > 1 ? ", " : " ");
        lua_rawgeti(L, parts, i);
        luaL_addvalue(&text);
    }
    luaL_addstring(&text, count > 0 ? " }" : "}");
    luaL_pushresult(&text);
    lua_replace(L, parts - 1);
    lua_settop(L, parts - 1);
}
