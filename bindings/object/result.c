/*
 * The results of functions; see result.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/result.h"

#include <lauxlib.h>

/* Raises for what is a mistake of the script. */
static void check_fault(lua_State *L, const char *what, enum mp_fault fault) {
    if (fault == MP_FAULT_PIPED || fault == MP_FAULT_SENDING_FILE)
        luaL_error(L, "%s: %s", what, mp_fault_text(fault));
}

int binding_fail(lua_State *L, const char *what, enum mp_fault fault) {
    check_fault(L, what, fault);
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", what, mp_fault_text(fault));
    lua_pushstring(L, mp_fault_code(fault));
    return 3;
}

int binding_fail_of(lua_State *L, const char *what, const mp_stream *stream, enum mp_fault fault) {
    fault = mp_stream_own_fault(stream, fault);
    check_fault(L, what, fault);
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", what,
                    fault == stream->fault ? mp_stream_fault_text(stream) : mp_fault_text(fault));
    lua_pushstring(L, mp_fault_code(fault));
    return 3;
}

int binding_result(lua_State *L, const char *what, enum mp_fault fault) {
    if (fault != MP_FAULT_NONE)
        return binding_fail(L, what, fault);
    lua_pushboolean(L, 1);
    return 1;
}

int binding_result_of(lua_State *L, const char *what, const mp_stream *stream, enum mp_fault fault) {
    if (fault != MP_FAULT_NONE)
        return binding_fail_of(L, what, stream, fault);
    lua_pushboolean(L, 1);
    return 1;
}

/* value -> text */
static int to_text(lua_State *L) {
    (void)luaL_tolstring(L, 1, NULL);
    return 1;
}

void binding_error_to_text(lua_State *L) {
    luaL_checkstack(L, 3, NULL);
    lua_pushcfunction(L, to_text);
    lua_pushvalue(L, -2);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        if (lua_type(L, -1) == LUA_TSTRING)
            lua_pushfstring(L, "%s: in __tostring of an error", lua_tostring(L, -1));
        else
            lua_pushfstring(L, "(error object is a %s value): in __tostring of an error",
                            luaL_typename(L, -1));
        lua_remove(L, -2);
    }
    lua_remove(L, -2);
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
