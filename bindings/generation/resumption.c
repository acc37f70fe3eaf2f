/*
 * Connections learn of a reload one by one, before their next event or when the loop has time:
 * connectionResumed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "generation/resumption.h"

#include "run/task.h"
#include "signal/emit.h"

/* Milliseconds that one turn of the loop may spend on this. */
#define SLICE 0.5

/* socket -> its own fields that are functions, handlers among them, by name; or nothing: it has none.
   A table of all signals would be most of what a reload costs. */
static int copy_handlers(lua_State *L) {
    if (!binding_push_fields(L, 1))
        return 0;
    lua_settop(L, 2);
    lua_pushnil(L); /* the copy, if one is needed */
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || !lua_isfunction(L, -1))
            continue;
        if (lua_isnil(L, 3)) {
            lua_newtable(L);
            lua_replace(L, 3);
        }
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, 3);
    }
    return 1;
}

/* socket, what copy_handlers gave -> */
static int restore_handlers(lua_State *L) {
    const binding_state *state = binding_find(L);
    if (!binding_push_fields(L, 1))
        return 0;
    for (int i = 0; i < MP_SIGNAL_COUNT; i++) {
        int name = state->classes.signal_names[i];
        lua_rawgeti(L, LUA_REGISTRYINDEX, name);
        if (lua_isnil(L, 2)) {
            lua_pushnil(L);
        } else {
            lua_rawgeti(L, LUA_REGISTRYINDEX, name);
            lua_rawget(L, 2);
        }
        lua_rawset(L, 3);
    }
    return 0;
}

/* Runs connectionResumed for the connection. If that fails before it waits, the connection keeps the handlers
   that it had. */
static void tell(binding_box *box, mp_tcp_server *server, mp_stream *socket) {
    binding_state *state = socket->object.loop->owner;
    lua_State *L = state->L;
    binding_generation *generation = box->generation;
    bool has_handlers = box->has_handlers;
    uint64_t errors = state->tasks->resume_errors;
    int top = lua_gettop(L);
    socket->object.epoch = server->object.epoch;
    mp_listener_move_back(socket);
    if (!mp_loop_wants(&server->object, MP_SIGNAL_CONNECTION_RESUMED))
        return;
    if (!binding_push(L, &socket->object)) {
        lua_settop(L, top);
        return;
    }
    lua_pushcfunction(L, copy_handlers);
    lua_pushvalue(L, top + 1);
    bool copied = lua_pcall(L, 1, 1, 0) == LUA_OK;
    binding_reference(generation);
    binding_emit(&server->object, MP_SIGNAL_CONNECTION_RESUMED, (intptr_t)&socket->object);
    if (copied && state->tasks->resume_errors != errors && box->generation) {
        lua_pushcfunction(L, restore_handlers);
        lua_insert(L, top + 1);
        if (lua_pcall(L, 2, 0, 0) == LUA_OK)
            binding_attribute(box, generation, has_handlers);
    }
    binding_unreference(generation);
    lua_settop(L, top);
}

void binding_tell_connection(mp_stream *socket) {
    mp_tcp_server *server = mp_stream_server(socket);
    binding_box *box = binding_box_of(&socket->object);
    if (server && !mp_stream_is_pending(socket))
        tell(box, server, socket);
}

/* Tells the connections of a server. True if the time is over. */
static bool tell_server(mp_tcp_server *server, double until) {
    mp_loop *loop = server->object.loop;
    mp_stream *socket;
    while ((socket = mp_listener_next(server->listener, NULL)) &&
           socket->object.epoch != server->object.epoch) {
        tell(binding_box_of(&socket->object), server, socket);
        mp_loop_settle(loop);
        if (mp_loop_now() > until)
            return true;
    }
    return false;
}

bool binding_tell_some(mp_loop *loop) {
    lua_State *L = ((binding_state *)loop->owner)->L;
    mp_network *network = mp_network_of(loop);
    double until = mp_loop_now() + SLICE;
    bool over = false;
    int top = lua_gettop(L);
    for (mp_tcp_server *server = mp_tcp_server_next(network, NULL); server && !over;
         server = mp_tcp_server_next(network, server)) {
        /* While the server is on the stack, it isn't finalised, even if handlers drop it. A server that isn't
           anchored has no connections. */
        lua_settop(L, top);
        binding_push(L, &server->object);
        over = tell_server(server, until);
    }
    lua_settop(L, top);
    return over;
}
