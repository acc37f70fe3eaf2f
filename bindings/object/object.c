/*
 * Objects as scripts see them: methods, then the script's own fields and handlers, then the server's
 * prototype (see prototype.c). Handlers are fields, so that a handler that captures its own socket is an
 * ordinary cycle for the collector.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/object.h"

#include <assert.h>
#include <string.h>

#include "net/tcp_socket.h"
#include "object/class.h"
#include "object/generation.h"
#include "object/prototype.h"
#include "object/signal_name.h"

/* --- fields --------------------------------------------------------------------------------------------- */

void binding_make_fields(lua_State *L, binding_state *state, int index) {
    binding_box *box = lua_touserdata(L, index);
    index = lua_absindex(L, index);
    bool pushed = box->has_fields && binding_push_fields(L, index);
    assert(pushed == box->has_fields);
    if (pushed)
        return;
    lua_createtable(L, 0, 4);
    if (mp_kind_is(binding_object(box)->behaviour->kind, MP_TCP_SOCKET))
        binding_end_plain(L, state, index);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, index, 1);
    box->has_fields = true;
}

/* object, key -> value. Upvalues: the state, the methods, the class. After a socket's fields comes the
   prototype. */
static int object_index(lua_State *L) {
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL)
        return 1;
    lua_settop(L, 2);
    if (binding_push_fields(L, 1)) {
        lua_pushvalue(L, 2);
        if (lua_gettable(L, -2) != LUA_TNIL)
            return 1;
    }
    if (mp_kind_is((enum mp_kind)lua_tointeger(L, lua_upvalueindex(3)), MP_TCP_SERVER) &&
        lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "connection") == 0) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, 1, "connection"); /* through __newindex */
        return 1;
    }
    lua_pushnil(L);
    return 1;
}

/* object, key, value -> ; upvalues as of object_index. */
static int object_newindex(lua_State *L) {
    binding_state *state = binding_state_of(L);
    int class = (int)lua_tointeger(L, lua_upvalueindex(3));
    bool connection = false;
    lua_settop(L, 3);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL)
        return luaL_error(L, "'%s' is a method and can't be replaced", lua_tostring(L, 2));
    if (lua_isnil(L, 2))
        return luaL_error(L, "index is nil");
    binding_check_handler(L, state, (enum mp_kind) class, 2, 3);
    if (mp_kind_is((enum mp_kind) class, MP_TCP_SERVER) && lua_type(L, 2) == LUA_TSTRING &&
        strcmp(lua_tostring(L, 2), "connection") == 0) {
        connection = true;
        if (!lua_isnil(L, 3) && !lua_istable(L, 3))
            return luaL_error(L, "connection: the prototype of connections is a table, not a %s",
                              luaL_typename(L, 3));
        if (!lua_isnil(L, 3))
            binding_adopt_prototype(L, state, (enum mp_kind) class, 3);
    }
    binding_make_fields(L, state, 1);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_rawset(L, -3);
    if (lua_type(L, 3) == LUA_TFUNCTION && lua_type(L, 2) == LUA_TSTRING &&
        binding_signal((enum mp_kind) class, lua_tostring(L, 2)) >= 0)
        binding_handler_set(L, lua_touserdata(L, 1), binding_running_generation(state), 3);
    if (connection)
        binding_update_prototype(L, 1);
    return 0;
}

/* --- what all objects have ------------------------------------------------------------------------------ */

/* object:blockSignals(block) -> whether they were blocked before */
static int object_block_signals(lua_State *L) {
    int class = (int)lua_tointeger(L, lua_upvalueindex(2));
    mp_object *object = binding_object(binding_check_self(L, 1, (enum mp_kind) class));
    luaL_checktype(L, 2, LUA_TBOOLEAN);
    lua_pushboolean(L, object->blocked);
    object->blocked = lua_toboolean(L, 2);
    return 1;
}

/* object:signalsBlocked() -> boolean */
static int object_signals_blocked(lua_State *L) {
    int class = (int)lua_tointeger(L, lua_upvalueindex(2));
    lua_pushboolean(L, binding_object(binding_check_self(L, 0, (enum mp_kind) class))->blocked);
    return 1;
}

static void add_method(lua_State *L, binding_state *state, int class, const char *name,
                       lua_CFunction function) {
    lua_pushlightuserdata(L, state);
    lua_pushinteger(L, class);
    lua_pushcclosure(L, function, 2);
    lua_setfield(L, -2, name);
}

/* Which upvalue of object_index has the methods. */
#define OBJECT_INDEX_METHODS 2

/* Adds __index, __newindex and the common methods. Stack: the metatable and the methods; pops both. */
static void add_common(lua_State *L, binding_state *state, int class) {
    add_method(L, state, class, "blockSignals", object_block_signals);
    add_method(L, state, class, "signalsBlocked", object_signals_blocked);
    lua_pushlightuserdata(L, state);
    lua_pushvalue(L, -2);
    lua_pushinteger(L, class);
    lua_pushcclosure(L, object_index, 3);
    lua_setfield(L, -3, "__index");
    lua_pushlightuserdata(L, state);
    lua_pushvalue(L, -2);
    lua_pushinteger(L, class);
    lua_pushcclosure(L, object_newindex, 3);
    lua_setfield(L, -3, "__newindex");
    lua_pop(L, 2);
}

void binding_inherit(lua_State *L, const binding_state *state, int base) {
    int methods = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.references[base]);
    lua_pushliteral(L, "__index");
    lua_rawget(L, -2);
    lua_getupvalue(L, -1, OBJECT_INDEX_METHODS);
    assert(lua_istable(L, -1));
    for (lua_pushnil(L); lua_next(L, methods + 3);) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, methods);
    }
    lua_settop(L, methods);
}

void binding_finish_class(lua_State *L, binding_state *state, int class, lua_CFunction gc,
                          lua_CFunction to_string, lua_CFunction finish) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    add_common(L, state, class);
    binding_set_function(L, state, "__gc", gc);
    binding_set_function(L, state, "__tostring", to_string);
    binding_set_function(L, state, "__close", finish);
    lua_pop(L, 1);
}
