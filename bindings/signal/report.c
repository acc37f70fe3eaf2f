/*
 * Reports errors of handlers: a log line with a traceback, the script's onError function, and the end of the
 * one connection that the error happened on.
 *
 * SPDX-License-Identifier: MIT
 */
#include "signal/report.h"

#include <assert.h>
#include <string.h>

#include "net/stream.h"
#include "net/tcp_server.h"
#include "net/tcp_socket.h"
#include "net/udp_input.h"
#include "object/arguments.h"
#include "object/count.h"
#include "object/result.h"
#include "object/signal_name.h"
#include "run/work.h"
#include "signal/peer_fault.h"

void binding_push_error(lua_State *L, lua_State *from, bool traceback) {
    assert(lua_gettop(from) > 0);
    const char *message = lua_tostring(from, -1);
    if (!message && luaL_getmetafield(from, -1, "__tostring")) {
        lua_pop(from, 1);
        luaL_checkstack(L, 2, NULL);
        lua_pushvalue(from, -1);
        lua_xmove(from, L, 1);
        binding_error_to_text(L);
        message = lua_tostring(L, -1);
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

/* Pushes what the handler was running for: its object or, if it has taken a connection from its server,
   the peer and the address that the peer connected to. A reload may have replaced the server itself since. */
static void push_subject(lua_State *L, const binding_task *task) {
    const binding_generation *generation = task->context.generation;
    char local[BINDING_ENDPOINT], peer[BINDING_ENDPOINT];
    mp_address address;
    uint16_t port;
    int top = lua_gettop(L) + 1;
    if (task->on) {
        lua_pushfstring(L, "%s handler of ", binding_signal_name(task->signal));
    } else {
        lua_pushliteral(L, "task");
    }
    bool took = false;
    if (task->taken && (!task->on || mp_kind_is(task->on->behaviour->kind, MP_TCP_SERVER))) {
        mp_tcp_socket *socket = (mp_tcp_socket *)binding_object(task->taken);
        mp_tcp_socket_local_address(socket, &address, &port);
        took = !mp_address_is_null(&address);
        if (took) {
            binding_endpoint(local, &address, port);
            mp_tcp_socket_peer_address(socket, &address, &port);
            binding_endpoint(peer, &address, port);
            lua_pushfstring(L, task->on ? "TcpServer(%s) with %s" : " of TcpServer(%s) with %s", local, peer);
        }
    }
    if (task->on && !took) {
        binding_push(L, task->on);
        luaL_tolstring(L, -1, NULL);
        lua_remove(L, -2);
    }
    if (generation && (took || generation != task->state->generations.current))
        lua_pushfstring(L, ", generation %d", (int)generation->number);
    lua_concat(L, lua_gettop(L) - top + 1);
}

/* task, true if it is a batch's -> message with traceback, the log's text, traceback */
static int describe(lua_State *L) {
    binding_task *task = lua_touserdata(L, 1);
    bool of_batch = lua_toboolean(L, 2);
    lua_settop(L, 1);
    binding_push_error(L, task->co, false);
    const char *message = lua_tostring(L, 2);
    luaL_traceback(L, task->co, message, 0);
    const char *text = lua_tostring(L, 3);
    if (of_batch) { /* further down are the functions that run the handlers, which scripts don't know */
        lua_pushlstring(L, text, (size_t)(strrchr(text, '\n') - text));
        lua_replace(L, 3);
        text = lua_tostring(L, 3);
    }
    push_subject(L, task);
    lua_pushfstring(L, "%s: %s", lua_tostring(L, 4), message);
    text += strlen(message); /* a newline and the traceback, or nothing */
    lua_pushstring(L, *text ? text + 1 : text);
    lua_remove(L, 4);
    return 3;
}

/* Aborts the connection that the error happened on: the handler's socket, or the connections that a
   server's handler has taken. */
static void abort_connection(binding_task *task) {
    mp_object *on = task->on;
    bool took = task->taken != NULL;
    while (task->taken) {
        binding_box *box = task->taken;
        assert(box->taker == task && binding_object(box)->at_work > 0);
        binding_untaken(box);
        if (!task->kind->lasting)
            mp_stream_abort((mp_stream *)binding_object(box));
    }
    if (!on)
        return;
    if (task->signal == MP_SIGNAL_CONNECTION_RESUMED)
        task->state->tasks->resume_errors++;
    switch (binding_base_of(on)) {
    case MP_TCP_SOCKET: mp_stream_abort((mp_stream *)on); break;
    case MP_TIMER: mp_timer_stop((mp_timer *)on); break;
    case MP_UDP_SOCKET: mp_udp_handler_failed((mp_udp_socket *)on); break;
    case MP_TCP_SERVER:
        /* A handler that fails before it takes its connection must not leave it to the next client's
           handler. */
        if (!took && !task->told && task->signal == MP_SIGNAL_NEW_CONNECTION) {
            mp_stream *socket = mp_tcp_server_next_pending((mp_tcp_server *)on);
            if (socket)
                mp_stream_abort(socket);
        }
        break;
    default: break;
    }
}

/* The task that runs onError's function. An error in it doesn't call it again. */
static const binding_task_kind reporting = {.name = "onError", .failed = binding_report};

/* Calls onError's function with the report on top of state->L, as a separate task. */
static void call_on_error(binding_state *state, binding_task *failed, int report) {
    lua_State *L = state->L;
    int function = state->generations.current->on_error;
    if (function == LUA_NOREF || failed->kind == &reporting)
        return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, function);
    lua_pushvalue(L, report);
    if (failed->on) {
        binding_push(L, failed->on);
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.signal_names[failed->signal]);
    }
    binding_task *task = binding_new_task(state, &reporting, L, failed->on ? 3 : 1);
    if (!task)
        return;
    binding_resume(task, failed->on ? 3 : 1);
}

/* The peer, of a server of this program, for which the task has failed; or NULL. */
static const mp_address *peer_of(const binding_task *task) {
    const mp_object *object = task->taken ? binding_object(task->taken) : task->on;
    if (!object || !mp_kind_is(object->behaviour->kind, MP_TCP_SOCKET) ||
        !mp_stream_server((const mp_stream *)object))
        return NULL;
    const mp_address *peer = &((const mp_tcp_socket *)object)->peer;
    return mp_address_is_null(peer) ? NULL : peer;
}

/* --- faults of peers ------------------------------------------------------------------------------------ */

/* The connection ends after what was written has been sent: an answer may say why. */
static void end_connection(binding_task *task) {
    bool took = task->taken != NULL;
    while (task->taken) {
        binding_box *box = task->taken;
        binding_untaken(box);
        mp_stream_disconnect((mp_stream *)binding_object(box));
    }
    if (mp_kind_is(task->on ? task->on->behaviour->kind : MP_TIMER, MP_TCP_SOCKET))
        mp_stream_disconnect((mp_stream *)task->on);
    else if (!took)
        abort_connection(task); /* one that it has not taken yet; a UdpSocket goes on */
}

/* True if the task has a connection whose peer may be at fault. */
static bool has_peer(const binding_task *task) {
    if (task->taken || !task->on)
        return task->taken != NULL;
    enum mp_kind kind = task->on->behaviour->kind;
    return mp_kind_is(kind, MP_TCP_SOCKET) || kind == MP_UDP_SOCKET ||
           (!task->told && task->signal == MP_SIGNAL_NEW_CONNECTION);
}

/* task -> the log's text, message */
static int describe_fault(lua_State *L) {
    const binding_task *task = lua_touserdata(L, 1);
    binding_push_error(L, task->co, false);
    push_subject(L, task);
    lua_pushfstring(L, "%s: the peer's fault: %s", lua_tostring(L, 3), lua_tostring(L, 2));
    lua_replace(L, 3);
    return 2;
}

static void report_fault(binding_task *task) {
    binding_state *state = task->state;
    lua_State *L = state->L;
    state->tasks->peer_errors++;
    lua_pushcfunction(L, describe_fault);
    lua_pushlightuserdata(L, task);
    if (lua_pcall(L, 1, 2, 0) == LUA_OK) {
        size_t length, line_length;
        const char *text = lua_tolstring(L, -2, &length), *line = lua_tolstring(L, -1, &line_length);
        if (mp_repetitions_note(state->tasks->peer_repetitions, 0, text, length, text))
            mp_log_write(state->loop->log_level, MP_LOG_INFO, line, line_length);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    end_connection(task);
}

/* --- reports -------------------------------------------------------------------------------------------- */

static void count_error(const binding_task *task) {
    binding_count *count = binding_count_of(task->on, task->signal, task->of_prototype);
    if (count)
        count->errors++;
}

static void report(binding_task *task, bool of_batch) {
    binding_state *state = task->state;
    lua_State *L = state->L;
    int top = lua_gettop(L);
    assert(task->entered && task->wait.outcome != WAIT_RUNNING);
    if (binding_is_peer_fault(task->co) && has_peer(task)) {
        report_fault(task);
        return;
    }
    state->tasks->errors++;
    if (task->context.generation)
        task->context.generation->errors++;
    if (task->on && !task->told)
        count_error(task);
    lua_pushcfunction(L, describe);
    lua_pushlightuserdata(L, task);
    lua_pushboolean(L, of_batch);
    lua_State *before = binding_enter(state, L); /* __tostring is the script's */
    int status = lua_pcall(L, 2, 3, 0);
    binding_leave(state, before);
    if (status == LUA_OK) {
        size_t length, trace_length;
        const char *line = lua_tolstring(L, -2, &length), *trace = lua_tolstring(L, -1, &trace_length);
        size_t text_length;
        const char *text = lua_tolstring(L, -3, &text_length);
        binding_generation *generation = task->context.generation;
        /* Errors that differ only in the object count as the same. */
        if (mp_repetitions_note(state->tasks->repetitions, generation ? generation->number : 0, text,
                                text_length, text))
            mp_log_trace(state->loop->log_level, MP_LOG_ERROR, line, length, trace, trace_length);
        if (generation && !generation->first_error)
            generation->first_error = strdup(text);
        if (generation && state->host)
            state->host->failed(state, generation, &(binding_failure){text, line, trace, peer_of(task)});
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

void binding_report(binding_task *task) {
    report(task, false);
}

void binding_report_of_batch(binding_task *task) {
    report(task, true);
}
