/*
 * Whose code calls; see staged.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/staged.h"

#include <lauxlib.h>
#include <string.h>

#include "object/state.h"
#include "script/finaliser.h"

#define LEVELS 64 /* of a stack that are searched */

/* Registry key: the globals of generations that have not served -> a table, whose first field is their
   number, or false as soon as they serve; weak. */
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
    lua_createtable(L, 2, 0);
    lua_pushinteger(L, generation);
    lua_rawseti(L, -2, 1);
    program_guard_finalisers(L, -2, -1);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

void program_serve_globals(lua_State *L, unsigned generation) {
    int top = lua_gettop(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &staged_key);
    for (lua_pushnil(L); lua_next(L, top + 1); lua_settop(L, top + 2)) {
        lua_rawgeti(L, top + 3, 1);
        if (lua_tointeger(L, top + 4) != (lua_Integer)generation)
            continue;
        lua_pushboolean(L, false);
        lua_rawseti(L, top + 3, 1); /* these fields exist, so this needs no memory */
        program_trust_finalisers(L, top + 2);
        lua_settop(L, top + 2);
        lua_pushnil(L);
        lua_rawset(L, top + 1);
        break;
    }
    lua_settop(L, top);
}

/* Whose a function is, by the globals that it sees. */
enum owner { OF_NOBODY, OF_STAGED, OF_SERVING };

/* The function on top is popped. */
static enum owner owner_of(lua_State *L) {
    int function = lua_gettop(L);
    enum owner owner = OF_NOBODY;
    const char *name = NULL;
    for (int i = 1; !lua_iscfunction(L, function) && (name = lua_getupvalue(L, function, i)); i++) {
        if (strcmp(name, "_ENV") == 0 && lua_istable(L, -1)) {
            lua_rawgetp(L, LUA_REGISTRYINDEX, &staged_key);
            lua_insert(L, -2);
            owner = lua_rawget(L, -2) == LUA_TTABLE ? OF_STAGED : OF_SERVING;
            break;
        }
        lua_pop(L, 1);
    }
    lua_settop(L, function - 1);
    return owner;
}

bool program_is_called_by_staged(lua_State *L) {
    lua_Debug where;
    enum owner owner = OF_NOBODY;
    if (program_runs_guarded_finaliser())
        return true;
    luaL_checkstack(L, 5, NULL);
    bool any = lua_rawgetp(L, LUA_REGISTRYINDEX, &staged_key) == LUA_TTABLE, more = any;
    for (int level = 0; more && level < LEVELS && lua_getstack(L, level, &where); level++) {
        lua_getinfo(L, "fn", &where);
        enum owner its = owner_of(L);
        owner = its == OF_NOBODY ? owner : its;
        /* Below a finaliser is the code that the collector has interrupted. */
        more = owner != OF_STAGED && !(where.name && strcmp(where.name, "__gc") == 0);
    }
    lua_pop(L, 1);
    /* A finaliser of unknown origin may belong to a generation that has failed. */
    return owner == OF_STAGED || (any && owner == OF_NOBODY && binding_in_finaliser(L));
}
