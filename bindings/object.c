/*
 * Objects as scripts see them: methods, then the script's own fields and handlers, then the prototype of the server.
 * Handlers live in the fields, so that one that captures its own socket is an ordinary cycle for the collector.
 *
 * SPDX-License-Identifier: MIT
 */
#include <ctype.h>
#include <string.h>

#include "binding.h"
#include "generation.h"

/* In a fields table: the server of a connection that has ended, see binding_release. */
static const char server_key = 0;

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

/* Raises if a function is stored under a name that is nearly a signal's, or something else under a signal's own. `key` and
   `value` are stack indices. */
static void check_handler(lua_State *L, binding_state *state, enum mp_kind kind, int key, int value) {
    if (lua_type(L, key) != LUA_TSTRING)
        return;
    const char *name = lua_tostring(L, key);
    bool function = lua_type(L, value) == LUA_TFUNCTION;
    for (int i = 0; i < MP_SIGNAL_COUNT; i++) {
        if (signals[i].kind != kind || strcasecmp(signals[i].name, name) != 0)
            continue;
        if (strcmp(signals[i].name, name) == 0) {
            if (!function && !lua_isnil(L, value))
                luaL_error(L, "%s: a handler must be a function, not a %s", name, luaL_typename(L, value));
            if (function)
                state->loop->wanted |= MP_SIGNAL_BIT(i);
        } else if (function) {
            luaL_error(L, "no signal '%s'; did you mean '%s'?", name, signals[i].name);
        }
        return;
    }
}

/* --- fields ---------------------------------------------------------------------------------------------------- */

bool binding_push_fields(lua_State *L, int index, bool make) {
    index = lua_absindex(L, index);
    int type = lua_getiuservalue(L, index, 1);
    if (type == LUA_TTABLE)
        return true;
    if (!make)
        return false;
    /* Before there are fields, the server of an ended connection takes their place. */
    lua_createtable(L, 0, 4);
    if (type == LUA_TUSERDATA) {
        lua_insert(L, -2);
        lua_rawsetp(L, -2, &server_key);
    } else {
        lua_remove(L, -2);
    }
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, index, 1);
    return true;
}

/* Pushes the prototype of the socket at `index`; false and nothing if there is none. */
static bool push_prototype(lua_State *L, int index) {
    mp_tcp_server *server = mp_tcp_socket_server((mp_tcp_socket *)binding_object(lua_touserdata(L, index)));
    int top = lua_gettop(L);
    if (server && server->object.anchor != 0) {
        binding_push(L, &server->object);
    } else if (lua_getiuservalue(L, index, 1) == LUA_TTABLE) {
        lua_rawgetp(L, -1, &server_key);
    }
    if (lua_type(L, -1) == LUA_TUSERDATA && lua_getiuservalue(L, -1, 1) == LUA_TTABLE) {
        lua_pushliteral(L, "connection");
        if (lua_rawget(L, -2) == LUA_TTABLE) {
            lua_replace(L, top + 1);
            lua_settop(L, top + 1);
            return true;
        }
    }
    lua_settop(L, top);
    return false;
}

/* object, key -> value. Upvalues: the state, the methods, the class. */
static int object_index(lua_State *L) {
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL)
        return 1;
    int class = (int)lua_tointeger(L, lua_upvalueindex(3));
    lua_settop(L, 2);
    if (binding_push_fields(L, 1, false)) {
        lua_pushvalue(L, 2);
        if (lua_rawget(L, -2) != LUA_TNIL)
            return 1;
    }
    lua_settop(L, 2);
    if (class == MP_TCP_SOCKET && push_prototype(L, 1)) {
        lua_pushvalue(L, 2);
        lua_gettable(L, -2);
        return 1;
    }
    if (class == MP_TCP_SERVER && lua_type(L, 2) == LUA_TSTRING &&
        strcmp(lua_tostring(L, 2), "connection") == 0) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, 1, "connection"); /* by way of __newindex */
        return 1;
    }
    lua_pushnil(L);
    return 1;
}

/* prototype, key, value -> ; __newindex of one that the script didn't give a metatable: checks new names as those of a socket. */
static int prototype_newindex(lua_State *L) {
    check_handler(L, binding_state_of(L), MP_TCP_SOCKET, 2, 3);
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 0;
}

static void adopt_prototype(lua_State *L, binding_state *state, int index) {
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        check_handler(L, state, MP_TCP_SOCKET, lua_gettop(L) - 1, lua_gettop(L));
    if (lua_getmetatable(L, index)) {
        /* A class of the script's own: any of its fields may be a handler. */
        lua_pop(L, 1);
        state->loop->wanted = ~UINT32_C(0);
        return;
    }
    lua_createtable(L, 0, 1);
    lua_pushlightuserdata(L, state);
    lua_pushcclosure(L, prototype_newindex, 1);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, index);
}

void binding_update_prototype(lua_State *L, int index, binding_box *box) {
    index = lua_absindex(L, index);
    luaL_unref(L, LUA_REGISTRYINDEX, box->prototype);
    box->prototype = LUA_NOREF;
    if (binding_object(box)->anchor == 0)
        return;
    if (binding_push_fields(L, index, false)) {
        lua_pushliteral(L, "connection");
        if (lua_rawget(L, -2) == LUA_TTABLE) {
            lua_pushvalue(L, -1);
            box->prototype = luaL_ref(L, LUA_REGISTRYINDEX);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
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
    check_handler(L, state, (enum mp_kind) class, 2, 3);
    if (class == MP_TCP_SERVER && lua_type(L, 2) == LUA_TSTRING &&
        strcmp(lua_tostring(L, 2), "connection") == 0) {
        connection = true;
        if (!lua_isnil(L, 3)) {
            luaL_argexpected(L, lua_istable(L, 3), 3, "table");
            adopt_prototype(L, state, 3);
        }
    }
    binding_push_fields(L, 1, true);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_rawset(L, -3);
    if (lua_type(L, 3) == LUA_TFUNCTION && lua_type(L, 2) == LUA_TSTRING &&
        binding_signal((enum mp_kind) class, lua_tostring(L, 2)) >= 0)
        binding_handler_set(L, lua_touserdata(L, 1), binding_running_generation(state), 3);
    if (connection)
        binding_update_prototype(L, 1, lua_touserdata(L, 1));
    return 0;
}

/* --- life ------------------------------------------------------------------------------------------------------ */

/* socket, server -> ; the socket's fields, or its user value if it has none, refer to the server from now on */
static int keep_server(lua_State *L) {
    binding_push_fields(L, 1, false);
    if (lua_istable(L, -1)) {
        lua_pushvalue(L, 2);
        lua_rawsetp(L, -2, &server_key);
    } else {
        lua_pushvalue(L, 2);
        lua_setiuservalue(L, 1, 1);
    }
    return 0;
}

void binding_release(mp_object *object) {
    binding_state *state = object->loop->owner;
    lua_State *L = state->L;
    if (object->behaviour->kind == MP_TCP_SERVER) {
        binding_box *box = binding_box_of(object);
        luaL_unref(L, LUA_REGISTRYINDEX, box->prototype);
        box->prototype = LUA_NOREF;
    }
    if (object->behaviour->kind != MP_TCP_SOCKET)
        return;
    binding_box *box = binding_box_of(object);
    binding_untaken(box); /* it may be collected before the handler that took it ends */
    if (box->has_handlers) {
        box->has_handlers = false;
        box->generation->sockets--;
    }
    mp_tcp_server *server = mp_tcp_socket_server((mp_tcp_socket *)object);
    if (server && server->object.anchor != 0) {
        /* A script may still hold the socket: methods and data of the prototype stay reachable. */
        lua_pushcfunction(L, keep_server);
        binding_push(L, object);
        binding_push(L, &server->object);
        if (lua_pcall(L, 2, 0, 0) != LUA_OK)
            lua_pop(L, 1); /* no memory: the closed socket only loses its prototype */
    }
    mp_tcp_socket_detach((mp_tcp_socket *)object);
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
