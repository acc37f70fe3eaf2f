/*
 * Objects as scripts see them: methods, then the script's own fields and handlers, then the prototype of the server (see
 * prototype.c). Handlers live in the fields, so that one that captures its own socket is an ordinary cycle for the collector.
 *
 * SPDX-License-Identifier: MIT
 */
#include <ctype.h>
#include <string.h>

#include "object/binding.h"
#include "object/generation.h"
#include "object/suggestion.h"

/* --- signals --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum mp_kind kind;
} signals[] = {
#define X(constant, name, kind, argument) {name, kind},
    MP_SIGNALS(X)
#undef X
};

int binding_signal(enum mp_kind kind, const char *name) {
    for (int i = 0; i < MP_SIGNAL_COUNT; i++)
        if (signals[i].kind == kind && strcmp(signals[i].name, name) == 0)
            return i;
    return -1;
}

const char *binding_signal_name(enum mp_signal signal) {
    return signals[signal].name;
}

/* The names of the kinds, and where the handlers of their signals go. */
static const struct {
    const char *name, *place;
} owners[MP_KIND_COUNT] = {
    [MP_TCP_SERVER] = {"TcpServer", "to the server itself"},
    [MP_TCP_SOCKET] = {"TcpSocket",
                       "to a socket, or into the server's connection for all of its connections"},
    [MP_TIMER] = {"Timer", "to a timer"},
};

/* A signal's name that isn't one of `kind`: which class has it, but for letter case. -1: none. */
static int signal_of_another(enum mp_kind kind, const char *name) {
    for (int i = 0; i < MP_SIGNAL_COUNT; i++)
        if (signals[i].kind != kind && strcasecmp(signals[i].name, name) == 0)
            return i;
    return -1;
}

static int raise_elsewhere(lua_State *L, enum mp_kind kind, const char *name, int signal) {
    enum mp_kind owner = signals[signal].kind;
    return luaL_error(L, "%s has no signal '%s': '%s' is one of %s, and its handlers go %s",
                      owners[kind].name, name, signals[signal].name, owners[owner].name, owners[owner].place);
}

/* The names of a kind's signals, as binding_nearest wants them. */
static const char *name_of_kind(const void *kind, int i) {
    if (i == MP_SIGNAL_COUNT)
        return NULL;
    return signals[i].kind == *(const enum mp_kind *)kind ? signals[i].name : "";
}

enum mp_signal binding_check_signal(lua_State *L, enum mp_kind kind, const char *name) {
    int signal = binding_signal(kind, name), elsewhere;
    if (signal >= 0)
        return (enum mp_signal)signal;
    const char *nearest = binding_nearest(name, name_of_kind, &kind);
    if (nearest)
        luaL_error(L, "%s has no signal '%s'; did you mean '%s'?", owners[kind].name, name, nearest);
    if ((elsewhere = signal_of_another(kind, name)) >= 0)
        raise_elsewhere(L, kind, name, elsewhere);
    luaL_error(L, "%s has no signal '%s'", owners[kind].name, name);
    return MP_SIGNAL_COUNT;
}

void binding_check_handler(lua_State *L, binding_state *state, enum mp_kind kind, int key, int value) {
    if (lua_type(L, key) != LUA_TSTRING)
        return;
    const char *name = lua_tostring(L, key);
    bool function = lua_type(L, value) == LUA_TFUNCTION;
    int elsewhere;
    for (int i = 0; i < MP_SIGNAL_COUNT; i++) {
        if (signals[i].kind != kind || strcasecmp(signals[i].name, name) != 0)
            continue;
        if (strcmp(signals[i].name, name) == 0) {
            if (!function && !lua_isnil(L, value))
                luaL_error(L, "%s: a handler must be a function, not a %s", name, luaL_typename(L, value));
            if (function)
                state->loop->wanted |= MP_SIGNAL_BIT(i);
        } else if (function) {
            luaL_error(L, "%s has no signal '%s'; did you mean '%s'?", owners[kind].name, name,
                       signals[i].name);
        }
        return;
    }
    if (function && (elsewhere = signal_of_another(kind, name)) >= 0)
        raise_elsewhere(L, kind, name, elsewhere);
}

/* --- fields ---------------------------------------------------------------------------------------------------- */

bool binding_push_fields(lua_State *L, int index) {
    return lua_getiuservalue(L, index, 1) == LUA_TTABLE;
}

void binding_make_fields(lua_State *L, binding_state *state, int index) {
    binding_box *box = lua_touserdata(L, index);
    index = lua_absindex(L, index);
    if (box->has_fields) {
        (void)binding_push_fields(L, index);
        return;
    }
    lua_createtable(L, 0, 4);
    if (binding_object(box)->behaviour == &mp_tcp_socket_class.behaviour)
        binding_end_plain(L, state, index);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, index, 1);
    box->has_fields = true;
}

/* object, key -> value. Upvalues: the state, the methods, the class. A socket's fields have the prototype behind them. */
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
    if (lua_tointeger(L, lua_upvalueindex(3)) == MP_TCP_SERVER && lua_type(L, 2) == LUA_TSTRING &&
        strcmp(lua_tostring(L, 2), "connection") == 0) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, 1, "connection"); /* by way of __newindex */
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
    if (class == MP_TCP_SERVER && lua_type(L, 2) == LUA_TSTRING &&
        strcmp(lua_tostring(L, 2), "connection") == 0) {
        connection = true;
        if (!lua_isnil(L, 3) && !lua_istable(L, 3))
            return luaL_error(L, "connection: the prototype of connections is a table, not a %s",
                              luaL_typename(L, 3));
        if (!lua_isnil(L, 3))
            binding_adopt_prototype(L, state, 3);
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

/* --- life ------------------------------------------------------------------------------------------------------ */

void binding_release(mp_object *object) {
    binding_box *box = binding_box_of(object);
    if (object->behaviour->kind == MP_TCP_SERVER)
        binding_drop_prototype((mp_tcp_server *)object);
    if (object->behaviour->kind != MP_TCP_SOCKET)
        return;
    binding_untaken(box); /* it may be collected before the handler that took it ends */
    if (box->has_handlers) {
        box->has_handlers = false;
        box->generation->sockets--;
    }
    mp_stream_detach((mp_stream *)object);
}

/* object:blockSignals(block) -> whether they were blocked before */
static int object_block_signals(lua_State *L) {
    int class = (int)lua_tointeger(L, lua_upvalueindex(2));
    mp_object *object = binding_object(binding_check_box(L, 1, (enum mp_kind) class));
    luaL_checktype(L, 2, LUA_TBOOLEAN);
    lua_pushboolean(L, object->blocked);
    object->blocked = lua_toboolean(L, 2);
    return 1;
}

/* object:signalsBlocked() -> boolean */
static int object_signals_blocked(lua_State *L) {
    int class = (int)lua_tointeger(L, lua_upvalueindex(2));
    lua_pushboolean(L, binding_object(binding_check_box(L, 1, (enum mp_kind) class))->blocked);
    return 1;
}

static void add_method(lua_State *L, binding_state *state, int class, const char *name,
                       lua_CFunction function) {
    lua_pushlightuserdata(L, state);
    lua_pushinteger(L, class);
    lua_pushcclosure(L, function, 2);
    lua_setfield(L, -2, name);
}

/* On the stack: the metatable, the methods. Leaves nothing. */
void binding_object_metamethods(lua_State *L, binding_state *state, int class) {
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
