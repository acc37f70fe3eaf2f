/*
 * Errors: results that say what failed, and the report of a handler that has thrown (a log line with a traceback, the
 * script's onError function, and the end of the one connection that it happened on).
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "object/binding.h"
#include "object/generation.h"

int binding_fail(lua_State *L, const char *what, enum mp_fault fault) {
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", what, mp_fault_text(fault));
    lua_pushstring(L, mp_fault_code(fault));
    return 3;
}

int binding_result(lua_State *L, const char *what, enum mp_fault fault) {
    if (fault != MP_FAULT_NONE)
        return binding_fail(L, what, fault);
    lua_pushboolean(L, 1);
    return 1;
}

void binding_push_error(lua_State *L, lua_State *from, bool traceback) {
    const char *message = lua_tostring(from, -1);
    if (!message && luaL_getmetafield(from, -1, "__tostring")) {
        lua_pop(from, 1);
        luaL_checkstack(L, 2, NULL);
        lua_pushvalue(from, -1);
        lua_xmove(from, L, 1);
        message = luaL_tolstring(L, -1, NULL);
        lua_remove(L, -2);
    } else if (message) {
        message = lua_pushstring(L, message);
    } else {
        message = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(from, -1));
    }
    if (traceback) {
        luaL_traceback(L, from, message, 0);
        lua_remove(L, -2);
    }
}

/* Takes the last line of the traceback on top away. */
static void drop_bottom(lua_State *L) {
    const char *text = lua_tostring(L, -1);
    lua_pushlstring(L, text, (size_t)(strrchr(text, '\n') - text));
    lua_remove(L, -2);
}

/* task -> message and traceback, the same with the signal and the object in front */
static int describe(lua_State *L) {
    binding_task *task = lua_touserdata(L, 1);
    binding_push_error(L, task->co, true);
    if (task->of_batch)
        drop_bottom(L); /* what runs the handlers, of which nobody knows */
    if (task->on) {
        binding_push(L, task->on);
        lua_pushfstring(L, "%s handler of %s: %s", binding_signal_name(task->signal),
                        luaL_tolstring(L, -1, NULL), lua_tostring(L, 2));
    } else {
        lua_pushfstring(L, "task: %s", lua_tostring(L, 2));
    }
    lua_replace(L, 1);
    lua_settop(L, 2);
    lua_insert(L, 1);
    return 2;
}

/* The connection that the error happened on: the handler's socket, or those that a server's handler has taken. */
static void abort_connection(binding_task *task) {
    mp_object *on = task->on;
    bool took = task->taken != NULL;
    while (task->taken) {
        binding_box *box = task->taken;
        binding_untaken(box);
        if (!task->ended)
            mp_stream_abort((mp_stream *)binding_object(box));
    }
    if (!on)
        return;
    if (task->signal == MP_SIGNAL_CONNECTION_RESUMED)
        task->state->resume_errors++;
    switch (on->behaviour->kind) {
    case MP_TCP_SOCKET: mp_stream_abort((mp_stream *)on); break;
    case MP_TIMER: mp_timer_stop((mp_timer *)on); break;
    case MP_TCP_SERVER:
        /* A handler that failed before it took its connection must not leave that for the next client's handler. */
        if (!took && task->signal == MP_SIGNAL_NEW_CONNECTION) {
            mp_stream *socket = mp_tcp_server_next_pending((mp_tcp_server *)on);
            if (socket)
                mp_stream_abort(socket);
        }
        break;
    default: break;
    }
}

/* Calls onError's function with the report on top of state->L, as a task of its own. */
static void call_on_error(binding_state *state, binding_task *failed, int report) {
    lua_State *L = state->L;
    int function = state->current->on_error;
    if (function == LUA_NOREF || failed->reporting)
        return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, function);
    lua_pushvalue(L, report);
    if (failed->on) {
        binding_push(L, failed->on);
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->signal_names[failed->signal]);
    }
    binding_task *task = binding_new_task(state, L, failed->on ? 3 : 1);
    if (!task)
        return;
    task->reporting = true;
    binding_resume(task, failed->on ? 3 : 1);
}

void binding_report(binding_task *task, int status) {
    binding_state *state = task->state;
    lua_State *L = state->L;
    int top = lua_gettop(L);
    (void)status;
    if (task->quiet)
        return; /* a main chunk: its owner tells, and it is no handler */
    state->handler_errors++;
    if (task->generation)
        task->generation->errors++;
    lua_pushcfunction(L, describe);
    lua_pushlightuserdata(L, task);
    if (lua_pcall(L, 1, 2, 0) == LUA_OK) {
        size_t length;
        const char *line = lua_tolstring(L, -1, &length);
        mp_log_write(state->loop->log_level, MP_LOG_ERROR, line, length);
        if (task->generation && !task->generation->first_error)
            task->generation->first_error = strdup(lua_tostring(L, -2));
    } else {
        const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "error in error handling";
        mp_log(state->loop->log_level, MP_LOG_ERROR, "%s handler: %s",
               task->on ? binding_signal_name(task->signal) : "task", text);
        lua_pushnil(L);
    }
    call_on_error(state, task, top + 1);
    lua_settop(L, top);
    abort_connection(task);
}
