/*
 * What the connections of a server have in common. One that has no fields of its own is plain: its
 * metatable's __index is a table, the methods with the server's prototype behind them, so that a method call
 * doesn't leave Lua's virtual machine. A listener has such a metatable, which goes from server to server with
 * it; what changes is only the prototype.
 *
 *     plain metatable .__index -> methods, metatable "behind" .__index -> prototype
 *     one with fields .__index -> object_index: methods, then fields, with the same metatable "behind"
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/prototype.h"

#include "object/box.h"
#include "object/signal_name.h"

/* So long may the chain of a script's classes be that is looked at. */
#define MOST_CLASSES 32

/* A field of a prototype: what a socket would refuse, or never see behind its own method, is refused here. */
static void check_field(lua_State *L, binding_state *state, int key, int value) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.plain_socket);
    lua_getfield(L, -1, "__index");
    lua_pushvalue(L, key);
    if (lua_rawget(L, -2) != LUA_TNIL)
        luaL_error(L, "connection: '%s' is a method of TcpSocket and can't be replaced",
                   lua_tostring(L, key));
    lua_pop(L, 3);
    binding_check_handler(L, state, MP_TCP_SOCKET, key, value);
}

static void check_fields(lua_State *L, binding_state *state, int table) {
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
        check_field(L, state, lua_gettop(L) - 1, lua_gettop(L));
}

/* The table at `index`, and the tables behind it. */
static void check_classes(lua_State *L, binding_state *state, int index) {
    int top = lua_gettop(L);
    lua_pushvalue(L, index);
    for (int i = 0; i < MOST_CLASSES && lua_istable(L, -1); i++) {
        check_fields(L, state, lua_gettop(L));
        if (luaL_getmetafield(L, -1, "__index") == LUA_TNIL)
            break;
        lua_replace(L, top + 1);
    }
    lua_settop(L, top);
}

/* prototype, key, value -> ; __newindex of one that the script didn't give a metatable: checks new names as
   those of a socket. */
static int prototype_newindex(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE); /* getmetatable gives it to scripts */
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    check_field(L, binding_state_of(L), 2, 3);
    lua_rawset(L, 1);
    return 0;
}

/* Has the script given the table at `index` a metatable? */
static bool is_class(lua_State *L, int index) {
    int top = lua_gettop(L);
    bool own = lua_getmetatable(L, index) && (luaL_getmetafield(L, index, "__newindex") == LUA_TNIL ||
                                              lua_tocfunction(L, -1) != prototype_newindex);
    lua_settop(L, top);
    return own;
}

/* Any field of a class, however far behind, may be a handler. */
static bool want_all(lua_State *L, binding_state *state, int index) {
    if (!is_class(L, index))
        return false;
    state->loop->wanted = ~UINT64_C(0);
    return true;
}

void binding_adopt_prototype(lua_State *L, binding_state *state, int index) {
    check_classes(L, state, index);
    if (want_all(L, state, index))
        return;
    lua_createtable(L, 0, 1);
    lua_pushlightuserdata(L, state);
    lua_pushcclosure(L, prototype_newindex, 1);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, index);
}

void binding_check_prototype(lua_State *L, int index) {
    int top = lua_gettop(L);
    if (binding_push_fields(L, index)) {
        lua_pushliteral(L, "connection");
        if (lua_rawget(L, -2) == LUA_TTABLE && is_class(L, lua_gettop(L)))
            check_classes(L, binding_state_of(L), lua_gettop(L));
    }
    lua_settop(L, top);
}

/* Pushes a copy of the table on top, in place of it. */
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

void binding_new_plain_class(lua_State *L, binding_state *state) {
    lua_insert(L, -2);
    copy_table(L);
    lua_insert(L, -2);
    lua_setfield(L, -2, "__index");
    state->classes.plain_socket = luaL_ref(L, LUA_REGISTRYINDEX);
}

void binding_set_plain(lua_State *L, const binding_state *state, const mp_tcp_server *server) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, server ? server->listener->metatable : state->classes.plain_socket);
    lua_setmetatable(L, -2);
}

/* On top the fields of the plain socket at `index`, which begin. */
void binding_end_plain(lua_State *L, const binding_state *state, int index) {
    lua_getmetatable(L, index);
    lua_getfield(L, -1, "__index");
    if (lua_getmetatable(L, -1))
        lua_setmetatable(L, -4);
    lua_pop(L, 2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.references[MP_TCP_SOCKET]);
    lua_setmetatable(L, index);
}

/* Makes the metatable of a listener's connections. */
static void make_metatable(lua_State *L, mp_listener *listener) {
    const binding_state *state = listener->network->loop.owner;
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.plain_socket);
    copy_table(L);
    lua_getfield(L, -1, "__index");
    copy_table(L);
    lua_newtable(L);
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "__index");
    listener->metatable = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* On top what stands behind the methods of the listener's connections: puts it there. */
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
        luaL_unref(L, LUA_REGISTRYINDEX, *reference);
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
    if (listener->metatable == 0)
        make_metatable(L, listener);
    drop(L, &listener->prototype);
    if (binding_push_fields(L, index)) {
        lua_pushliteral(L, "connection");
        lua_rawget(L, -2);
    }
    if (lua_istable(L, -1)) {
        (void)want_all(L, listener->network->loop.owner, lua_gettop(L));
        lua_pushvalue(L, -1);
        listener->prototype = luaL_ref(L, LUA_REGISTRYINDEX);
    } else {
        lua_newtable(L);
    }
    set_behind(L, listener);
    lua_settop(L, top);
}

bool binding_has_prototype(lua_State *L, const mp_listener *listener) {
    int top = lua_gettop(L);
    if (listener->prototype == 0)
        return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, listener->prototype);
    lua_pushnil(L);
    bool used = lua_next(L, top + 1) || is_class(L, top + 1);
    lua_settop(L, top);
    return used;
}
