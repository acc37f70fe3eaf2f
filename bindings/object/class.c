/*
 * The metatables of the classes; see class.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/class.h"

#include <assert.h>

void binding_new_class(lua_State *L, binding_state *state, int class, const luaL_Reg *methods) {
    assert(class < CLASS_COUNT && !state->classes.metatables[class]);
    lua_newtable(L);
    state->classes.metatables[class] = lua_topointer(L, -1);
    lua_pushvalue(L, -1);
    state->classes.references[class] = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushstring(L, binding_kind_name(class));
    lua_setfield(L, -2, "__name");
    /* getmetatable returns this, so that scripts can't get at the finaliser, which trusts its argument. */
    lua_pushstring(L, binding_kind_name(class));
    lua_setfield(L, -2, "__metatable");
    lua_newtable(L);
    lua_pushlightuserdata(L, state);
    luaL_setfuncs(L, methods, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__index");
}

void binding_set_function(lua_State *L, binding_state *state, const char *name, lua_CFunction function) {
    lua_pushlightuserdata(L, state);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
}

void binding_push_weak_table(lua_State *L, const char *mode) {
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, mode);
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
}
