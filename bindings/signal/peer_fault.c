/*
 * moonport.fail; see peer_fault.h. It raises a userdata of its own, whose user value is the message, so that
 * the handler ends wherever it is called. signal/report.c tells it from other errors.
 *
 * SPDX-License-Identifier: MIT
 */
#include "signal/peer_fault.h"

#include "object/class.h"
#include "object/surplus.h"

/* Registry key: the metatable of these errors. */
static const char fault_key = 0;

bool binding_is_peer_fault(lua_State *from) {
    if (lua_type(from, -1) != LUA_TUSERDATA || !lua_getmetatable(from, -1))
        return false;
    lua_rawgetp(from, LUA_REGISTRYINDEX, &fault_key);
    bool same = lua_rawequal(from, -1, -2);
    lua_pop(from, 2);
    return same;
}

/* tostring(fault) -> its message */
static int fault_tostring(lua_State *L) {
    luaL_checktype(L, 1, LUA_TUSERDATA);
    lua_getiuservalue(L, 1, 1);
    return 1;
}

/* moonport.fail(message): never returns */
static int module_fail(lua_State *L) {
    binding_takes(L, 1);
    (void)luaL_checkstring(L, 1);
    lua_newuserdatauv(L, 0, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &fault_key);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    return lua_error(L);
}

void binding_open_peer_faults(lua_State *L, binding_state *state) {
    lua_createtable(L, 0, 3);
    lua_pushliteral(L, "PeerFault");
    lua_setfield(L, -2, "__name");
    lua_pushliteral(L, "PeerFault");
    lua_setfield(L, -2, "__metatable");
    binding_set_function(L, state, "__tostring", fault_tostring);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &fault_key);
}

const luaL_Reg binding_peer_fault_functions[] = {{"fail", module_fail}, {NULL, NULL}};
