/*
 * moonport.connect, moonport.disconnect and the Connection class.
 *
 * SPDX-License-Identifier: MIT
 */
#include "signal/connect.h"

#include <assert.h>
#include <string.h>

#include "object/class.h"
#include "object/generation.h"
#include "object/object.h"
#include "object/signal_name.h"
#include "object/suggestion.h"
#include "object/surplus.h"

/* In a fields table: signal number -> array of Connections. A change makes a new array, so that an
   emission sees a fixed one. */
static const char connections_key = 0;

bool binding_push_connections(lua_State *L, int self, enum mp_signal signal) {
    return binding_push_fields(L, self) && lua_rawgetp(L, -1, &connections_key) == LUA_TTABLE &&
           lua_rawgeti(L, -1, signal) == LUA_TTABLE;
}

/* Pushes a copy of the array at `index`, which may be nil, without `without`. */
static void copy_list(lua_State *L, int index, const binding_connection *without) {
    lua_Integer count = lua_istable(L, index) ? (lua_Integer)lua_rawlen(L, index) : 0, kept = 0;
    lua_createtable(L, (int)count + 1, 0);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, index, i);
        if (lua_touserdata(L, -1) == without)
            lua_pop(L, 1);
        else
            lua_rawseti(L, -2, ++kept);
    }
}

int binding_deactivate(lua_State *L) {
    binding_connection *made = lua_touserdata(L, 1);
    assert(made && made->signal < MP_SIGNAL_COUNT);
    made->active = false;
    lua_getiuservalue(L, 1, 2);
    if (!binding_push_fields(L, -1) || lua_rawgetp(L, -1, &connections_key) != LUA_TTABLE)
        return 0;
    lua_rawgeti(L, -1, made->signal);
    copy_list(L, lua_gettop(L), made);
    lua_rawseti(L, -3, made->signal);
    return 0;
}

static mp_object *check_object(lua_State *L, int index) {
    for (int kind = 0; kind < MP_KIND_COUNT; kind++) {
        binding_box *box = binding_test_box(L, index, (enum mp_kind)kind);
        if (box && binding_object(box)->loop)
            return binding_object(box);
    }
    luaL_typeerror(L, index, "TcpServer, TcpSocket or Timer");
    return NULL;
}

/* On top: an option's name and its value. */
static void check_connect_option(lua_State *L) {
    static const char *const names[] = {"singleShot", NULL};
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
    if (name && strcmp(name, names[0]) == 0) {
        if (!lua_isboolean(L, -1))
            luaL_error(L, "connect: singleShot is true or false, not a %s", luaL_typename(L, -1));
        return;
    }
    const char *nearest = name ? binding_nearest(name, binding_listed_name, names) : NULL;
    const char *what = binding_shown(L, luaL_tolstring(L, -2, NULL));
    if (nearest)
        luaL_error(L, "connect: unknown option '%s'; did you mean '%s'?", what, nearest);
    luaL_error(L, "connect: unknown option '%s'", what);
}

/* moonport.connect(object, signal, handler[, {singleShot = true}]) -> connection */
static int module_connect(lua_State *L) {
    binding_state *state = binding_state_of(L);
    binding_takes(L, 4);
    mp_object *object = check_object(L, 1);
    const char *name = luaL_checkstring(L, 2);
    enum mp_signal signal = binding_check_signal(L, object->behaviour->kind, name);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    if (signal == MP_SIGNAL_SERVER_NAME_REQUESTED)
        luaL_argerror(L, 2, "serverNameRequested returns a value: set the server's handler of that name");
    bool single_shot = false;
    if (!lua_isnoneornil(L, 4)) {
        luaL_checktype(L, 4, LUA_TTABLE);
        for (lua_pushnil(L); lua_next(L, 4); lua_pop(L, 1))
            check_connect_option(L);
        lua_pushliteral(L, "singleShot");
        lua_rawget(L, 4);
        single_shot = lua_toboolean(L, -1);
    }
    lua_settop(L, 3);
    binding_connection *made = lua_newuserdatauv(L, sizeof *made, 2); /* 4 */
    *made = (binding_connection){.active = true, .single_shot = single_shot, .signal = signal};
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.references[CLASS_CONNECTION]);
    lua_setmetatable(L, 4);
    lua_pushvalue(L, 3);
    lua_setiuservalue(L, 4, 1);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 4, 2);
    binding_make_fields(L, state, 1); /* 5 */
    if (lua_rawgetp(L, 5, &connections_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, 5, &connections_key);
    }
    assert(lua_gettop(L) == 6 && binding_box_of(object)->has_fields);
    lua_rawgeti(L, 6, signal); /* 7 */
    copy_list(L, 7, NULL);
    lua_pushvalue(L, 4);
    lua_rawseti(L, 8, (lua_Integer)lua_rawlen(L, 8) + 1);
    lua_rawseti(L, 6, signal);
    binding_handler_set(L, binding_box_of(object), binding_generation_of(L), 3);
    binding_box_of(object)->connected |= BINDING_CONNECTED_BIT(signal);
    state->loop->wanted |= MP_SIGNAL_BIT(signal);
    lua_pushvalue(L, 4);
    return 1;
}

static binding_connection *check_connection(lua_State *L, int index) {
    return binding_check_userdata(L, index, CLASS_CONNECTION);
}

/* Also called at the end of a <close> variable, with an error as further argument. */
static int connection_close(lua_State *L) {
    bool active = check_connection(L, 1)->active;
    if (active) {
        lua_settop(L, 1);
        binding_deactivate(L);
    }
    lua_pushboolean(L, active);
    return 1;
}

/* moonport.disconnect(connection) -> true, or false if it was disconnected already */
static int module_disconnect(lua_State *L) {
    binding_takes(L, 1);
    return connection_close(L);
}

/* tostring(connection) */
static int connection_tostring(lua_State *L) {
    binding_connection *made = check_connection(L, 1);
    lua_pushfstring(L, "Connection(%s, %s)", binding_signal_name(made->signal),
                    made->active ? "connected" : "disconnected");
    return 1;
}

void binding_open_connections(lua_State *L, binding_state *state) {
    static const luaL_Reg none[] = {{NULL, NULL}};
    binding_new_class(L, state, CLASS_CONNECTION, none);
    lua_pop(L, 1);
    binding_set_function(L, state, "__tostring", connection_tostring);
    binding_set_function(L, state, "__close", connection_close);
    lua_pop(L, 1);
}

const luaL_Reg binding_connection_functions[] = {
    {"connect", module_connect}, {"disconnect", module_disconnect}, {NULL, NULL}};
