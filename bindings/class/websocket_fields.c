/*
 * The fields of a WebSocket: methods, then its own, then those of `websocket`, the table of the server that
 * its connection belongs to now. So a reload changes handlers at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "class/websocket.h"
#include "net/stream_input.h"
#include "object/arguments.h"
#include "object/generation.h"

binding_websocket *binding_check_websocket(lua_State *L, int parameters) {
    binding_websocket *ws = binding_check_userdata(L, 1, CLASS_WEBSOCKET);
    if (!ws->stream || !ws->stream->object.loop)
        luaL_argerror(L, 1, "the object has been collected");
    binding_takes(L, 1 + parameters);
    return ws;
}

/* Pushes the server's table; false, and something else: there is none. */
static bool push_prototype(lua_State *L, const binding_websocket *ws) {
    bool open = ws->stream && ws->stream->object.loop; /* else a finaliser may still read fields */
    const mp_tcp_server *server = open ? mp_stream_server(ws->stream) : NULL;
    int top = lua_gettop(L);
    if (server && server->object.anchor != 0 && binding_push(L, &server->object) &&
        binding_push_fields(L, -1)) {
        lua_pushliteral(L, "websocket");
        lua_rawget(L, -2);
        lua_replace(L, top + 1);
        lua_settop(L, top + 1);
        return lua_istable(L, -1);
    }
    lua_settop(L, top);
    lua_pushnil(L);
    return false;
}

void binding_push_websocket_field(lua_State *L, const binding_websocket *ws, int index) {
    int name = lua_gettop(L);
    if (lua_getiuservalue(L, index, WEBSOCKET_FIELDS) == LUA_TTABLE) {
        lua_pushvalue(L, name);
        if (lua_rawget(L, -2) != LUA_TNIL) {
            lua_replace(L, name);
            lua_settop(L, name);
            return;
        }
    }
    lua_settop(L, name);
    if (push_prototype(L, ws)) {
        lua_insert(L, name);
        lua_gettable(L, name);
        lua_remove(L, name);
    } else {
        lua_replace(L, name);
        lua_pushnil(L);
        lua_replace(L, name);
    }
}

bool binding_push_websocket_handler(lua_State *L, const binding_websocket *ws, int index, const char *name) {
    lua_pushstring(L, name);
    binding_push_websocket_field(L, ws, index);
    return !lua_isnil(L, -1);
}

bool binding_has_websocket_prototype(lua_State *L, const binding_websocket *ws, const char *name) {
    int top = lua_gettop(L);
    bool has = push_prototype(L, ws) && lua_getfield(L, -1, name) != LUA_TNIL;
    lua_settop(L, top);
    return has;
}

void binding_tell_websocket_unread(binding_websocket *ws) {
    size_t size;
    (void)mp_stream_peek(ws->stream, &size);
    if (size > 0 && mp_stream_is_receiving(ws->stream))
        mp_object_emit(&ws->stream->object, MP_SIGNAL_READY_READ, 0);
}

int binding_websocket_index(lua_State *L) {
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL)
        return 1;
    lua_settop(L, 2);
    const binding_websocket *ws = binding_check_userdata(L, 1, CLASS_WEBSOCKET);
    binding_push_websocket_field(L, ws, 1);
    return 1;
}

/* Its own handlers are code of the run that sets them, as those of a socket are. */
static void set_handler(lua_State *L, binding_websocket *ws) {
    binding_state *state = binding_state_of(L);
    binding_handler_set(L, binding_box_of(&ws->stream->object), binding_running_generation(state), 3);
    binding_tell_websocket_unread(ws);
}

int binding_websocket_newindex(lua_State *L) {
    binding_websocket *ws = binding_check_websocket(L, 2);
    lua_settop(L, 3);
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    bool handler = strcmp(name, "message") == 0 || strcmp(name, "closed") == 0;
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL)
        return luaL_error(L, "'%s' is a method and can't be replaced", lua_tostring(L, 2));
    if (handler && lua_type(L, 3) != LUA_TFUNCTION && !lua_isnil(L, 3))
        return luaL_error(L, "%s: a handler must be a function, not a %s", name, luaL_typename(L, 3));
    lua_settop(L, 3);
    if (lua_getiuservalue(L, 1, WEBSOCKET_FIELDS) != LUA_TTABLE) {
        lua_createtable(L, 0, 1);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, 1, WEBSOCKET_FIELDS);
        lua_replace(L, 4);
    }
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_settable(L, 4);
    if (handler && lua_type(L, 3) == LUA_TFUNCTION)
        set_handler(L, ws);
    return 0;
}
