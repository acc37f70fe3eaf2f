/*
 * What the connections of a server share. A connection without own fields is plain: its metatable's __index
 * is a table, the methods followed by the server's prototype, so that a method call stays in Lua's virtual
 * machine. A listener has such a metatable, and takes it along to the next server. Only the prototype
 * changes.
 *
 *     plain metatable .__index -> methods, metatable "behind" .__index -> prototype
 *     one with fields .__index -> object_index: methods, then fields, with the same metatable "behind"
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/prototype.h"

#include <assert.h>
#include <stdlib.h>

#include "object/box.h"
#include "object/signal_name.h"

/* The longest chain of a script's classes that is searched. */
#define MOST_CLASSES 32

/* The kind of a server's connections. */
static enum mp_kind connections_of(enum mp_kind server) {
    return server == MP_SSL_SERVER     ? MP_SSL_SOCKET
           : server == MP_LOCAL_SERVER ? MP_LOCAL_SOCKET
                                       : MP_TCP_SOCKET;
}

/* A field of a prototype. Names that a socket would refuse, or never see because of its own method, are
   refused. */
static void check_field(lua_State *L, binding_state *state, enum mp_kind kind, int key, int value) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.plain[kind]);
    lua_getfield(L, -1, "__index");
    lua_pushvalue(L, key);
    if (lua_rawget(L, -2) != LUA_TNIL)
        luaL_error(L, "connection: '%s' is a method of %s and can't be replaced", lua_tostring(L, key),
                   binding_kind_name(kind));
    lua_pop(L, 3);
    binding_check_handler(L, state, kind, key, value);
}

static void check_fields(lua_State *L, binding_state *state, enum mp_kind kind, int table) {
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
        check_field(L, state, kind, lua_gettop(L) - 1, lua_gettop(L));
}

/* The table at `index`, and its __index tables. */
static void check_classes(lua_State *L, binding_state *state, enum mp_kind kind, int index) {
    int top = lua_gettop(L);
    lua_pushvalue(L, index);
    for (int i = 0; i < MOST_CLASSES && lua_istable(L, -1); i++) {
        check_fields(L, state, kind, lua_gettop(L));
        if (luaL_getmetafield(L, -1, "__index") == LUA_TNIL)
            break;
        lua_replace(L, top + 1);
    }
    lua_settop(L, top);
}

/* prototype, key, value -> ; __newindex of a prototype that has no metatable of the script. Checks new
   names as a socket does. */
static int prototype_newindex(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE); /* getmetatable gives it to scripts */
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    check_field(L, binding_state_of(L), (enum mp_kind)lua_tointeger(L, lua_upvalueindex(2)), 2, 3);
    lua_rawset(L, 1);
    return 0;
}

/* True if the script has given the table at `index` a metatable. */
static bool is_class(lua_State *L, int index) {
    int top = lua_gettop(L);
    bool own = lua_getmetatable(L, index) && (luaL_getmetafield(L, index, "__newindex") == LUA_TNIL ||
                                              lua_tocfunction(L, -1) != prototype_newindex);
    lua_settop(L, top);
    return own;
}

/* Any field of a class, also of its base classes, may be a handler. */
static bool want_all(lua_State *L, binding_state *state, int index) {
    if (!is_class(L, index))
        return false;
    state->loop->wanted = ~UINT64_C(0);
    return true;
}

void binding_adopt_prototype(lua_State *L, binding_state *state, enum mp_kind of_server, int index) {
    enum mp_kind kind = connections_of(of_server);
    check_classes(L, state, kind, index);
    if (want_all(L, state, index))
        return;
    lua_createtable(L, 0, 1);
    lua_pushlightuserdata(L, state);
    lua_pushinteger(L, kind);
    lua_pushcclosure(L, prototype_newindex, 2);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, index);
}

void binding_check_prototype(lua_State *L, int index) {
    enum mp_kind kind = binding_object(lua_touserdata(L, index))->behaviour->kind;
    int top = lua_gettop(L);
    if (binding_push_fields(L, index)) {
        lua_pushliteral(L, "connection");
        if (lua_rawget(L, -2) == LUA_TTABLE && is_class(L, lua_gettop(L)))
            check_classes(L, binding_state_of(L), connections_of(kind), lua_gettop(L));
    }
    lua_settop(L, top);
}

/* Replaces the table on top by a copy. */
static void copy_table(lua_State *L) {
    int from = lua_gettop(L);
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, from);) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, from + 1);
    }
    lua_remove(L, from);
}

void binding_new_plain_class(lua_State *L, binding_state *state, enum mp_kind kind) {
    lua_insert(L, -2);
    copy_table(L);
    lua_insert(L, -2);
    lua_setfield(L, -2, "__index");
    state->classes.plain[kind] = luaL_ref(L, LUA_REGISTRYINDEX);
    if (state->classes.connection_name != 0)
        return;
    lua_pushliteral(L, "connection");
    state->classes.connection_name = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    state->classes.no_prototype = luaL_ref(L, LUA_REGISTRYINDEX);
}

void binding_set_plain(lua_State *L, const binding_state *state, enum mp_kind kind,
                       const mp_tcp_server *server) {
    assert(!server || (server->listener->metatable != 0 && server->listener->metatable_kind == kind));
    lua_rawgeti(L, LUA_REGISTRYINDEX, server ? server->listener->metatable : state->classes.plain[kind]);
    lua_setmetatable(L, -2);
}

/* On top: the first fields of the socket at `index`, which is plain until now. */
void binding_end_plain(lua_State *L, const binding_state *state, int index) {
    assert(!((binding_box *)lua_touserdata(L, index))->has_fields);
    lua_getmetatable(L, index);
    lua_getfield(L, -1, "__index");
    if (lua_getmetatable(L, -1))
        lua_setmetatable(L, -4);
    lua_pop(L, 2);
    enum mp_kind kind = binding_object(lua_touserdata(L, index))->behaviour->kind;
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.references[kind]);
    lua_setmetatable(L, index);
}

/* Makes the metatable of a listener's connections, and a place for a prototype: from now on that can change
   without memory, as it does in a commit. */
static void make_metatable(lua_State *L, mp_listener *listener, enum mp_kind kind) {
    const binding_state *state = listener->network->loop.owner;
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.plain[kind]);
    copy_table(L);
    lua_getfield(L, -1, "__index");
    copy_table(L);
    if (listener->metatable != 0) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, listener->metatable);
        lua_getfield(L, -1, "__index");
        lua_getmetatable(L, -1);
        lua_replace(L, -3);
        lua_pop(L, 1);
    } else {
        lua_createtable(L, 0, 1);
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.no_prototype);
        lua_setfield(L, -2, "__index");
    }
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "__index");
    if (listener->prototype == 0) {
        lua_pushboolean(L, false);
        listener->prototype = -luaL_ref(L, LUA_REGISTRYINDEX);
    }
    int reference = luaL_ref(L, LUA_REGISTRYINDEX);
    luaL_unref(L, LUA_REGISTRYINDEX, listener->metatable == 0 ? LUA_NOREF : listener->metatable);
    listener->metatable = reference;
    listener->metatable_kind = (uint8_t)kind;
}

/* Puts the table on top after the methods of the listener's connections. */
static void set_behind(lua_State *L, const mp_listener *listener) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, listener->metatable);
    lua_getfield(L, -1, "__index");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, -4);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 4);
}

static void drop(lua_State *L, int32_t *reference) {
    if (*reference != 0)
        luaL_unref(L, LUA_REGISTRYINDEX, abs(*reference));
    *reference = 0;
}

void binding_drop_prototype(mp_tcp_server *server) {
    lua_State *L = ((binding_state *)server->object.loop->owner)->L;
    drop(L, &server->listener->prototype);
    drop(L, &server->listener->metatable);
}

void binding_update_prototype(lua_State *L, int index) {
    const mp_tcp_server *server = (mp_tcp_server *)binding_object(lua_touserdata(L, index));
    mp_listener *listener = server->listener;
    int top = lua_gettop(L);
    if (server->object.anchor == 0)
        return; /* it has no connections */
    enum mp_kind kind = connections_of(server->object.behaviour->kind);
    if (listener->metatable == 0 || listener->metatable_kind != kind)
        make_metatable(L, listener, kind);
    const binding_state *state = server->object.loop->owner;
    int place = abs(listener->prototype);
    assert(place != 0);
    if (binding_push_fields(L, index)) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.connection_name);
        lua_rawget(L, -2);
    }
    if (lua_istable(L, -1)) {
        (void)want_all(L, listener->network->loop.owner, lua_gettop(L));
        listener->prototype = place;
        lua_pushvalue(L, -1);
    } else {
        listener->prototype = -place;
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.no_prototype);
        lua_pushboolean(L, false);
    }
    lua_rawseti(L, LUA_REGISTRYINDEX, place);
    set_behind(L, listener);
    lua_settop(L, top);
}

bool binding_has_prototype(lua_State *L, const mp_listener *listener) {
    int top = lua_gettop(L);
    if (listener->prototype <= 0)
        return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, listener->prototype);
    lua_pushnil(L);
    bool used = lua_next(L, top + 1) || is_class(L, top + 1);
    lua_settop(L, top);
    return used;
}
