/*
 * What functions give back; see result.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/result.h"

#include <lauxlib.h>

int binding_fail(lua_State *L, const char *what, enum mp_fault fault) {
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", what, mp_fault_text(fault));
    lua_pushstring(L, mp_fault_code(fault));
    return 3;
}

int binding_result(lua_State *L, const char *what, enum mp_fault fault) {
    if (fault != MP_FAULT_NONE)
        return binding_fail(L, what, fault);
    lua_pushboolean(L, 1);
    return 1;
}

int binding_set_reference(lua_State *L, int *reference) {
    if (!lua_isnoneornil(L, 1))
        luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, *reference);
    *reference = LUA_NOREF;
    if (!lua_isnil(L, 1))
        *reference = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}
