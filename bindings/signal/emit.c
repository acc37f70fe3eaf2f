/*
 * The way from the loop into the handlers. A signal finds its handlers by name (the object's own, else the
 * server's prototype's, then those added with connect), and each runs as a task. Nothing here raises: what
 * might raise runs protected.
 *
 * SPDX-License-Identifier: MIT
 */
#include "signal/emit.h"

#include <assert.h>

#include "net/tcp_server.h"
#include "object/arguments.h"
#include "object/count.h"
#include "object/endpoint.h"
#include "object/prototype.h"
#include "object/signal_name.h"
#include "run/wait.h"
#include "signal/connect.h"
#include "signal/report.h"

/* --- handlers ------------------------------------------------------------------------------------------- */

static void push_argument(lua_State *L, const mp_object *object, enum mp_signal signal, intptr_t argument) {
    static const uint8_t kinds[] = {
#define X(constant, name, kind, what) MP_ARGUMENT_##what,
        MP_SIGNALS(X)
#undef X
    };
    switch (kinds[signal]) {
    case MP_ARGUMENT_INTEGER: lua_pushinteger(L, argument); break;
    case MP_ARGUMENT_OBJECT: binding_push(L, (mp_object *)argument); break;
    case MP_ARGUMENT_STATE: lua_pushstring(L, binding_state_name((int)argument)); break;
    case MP_ARGUMENT_FAULT: lua_pushstring(L, mp_fault_code((enum mp_fault)argument)); break;
    case MP_ARGUMENT_OBJECT_FAULT:
        binding_push(L, (mp_object *)argument);
        lua_pushstring(L, mp_fault_code(((mp_stream *)argument)->fault));
        break;
    case MP_ARGUMENT_NONE: break;
    default:
        ((binding_state *)object->loop->owner)->hooks->push_argument(L, kinds[signal], object, argument);
        break;
    }
}

static int protected_argument(lua_State *L) {
    push_argument(L, lua_touserdata(L, 1), (enum mp_signal)lua_tointeger(L, 2),
                  (intptr_t)lua_tointeger(L, 3));
    return lua_gettop(L) - 3;
}

static const binding_task_kind handler = {.name = "handler", .failed = binding_report};

/* A task for a handler on the object, which is at index 1 of the task's stack; NULL if none can run. */
static binding_task *new_handler_task(binding_state *state, mp_object *object, enum mp_signal signal) {
    binding_task *task = binding_take_task(state);
    if (!task) {
        mp_log(state->loop->log_level, MP_LOG_ERROR, "%s: out of memory", binding_signal_name(signal));
        state->tasks->errors++;
        if (mp_kind_is(object->behaviour->kind, MP_TCP_SOCKET))
            mp_stream_abort((mp_stream *)object);
        return NULL;
    }
    if (binding_push(task->co, object)) {
        task->kind = &handler;
        return task;
    }
    binding_give_back(task);
    return NULL;
}

void binding_begin_handler(binding_task *task, mp_object *object, enum mp_signal signal,
                           enum binding_origin origin) {
    binding_box *box = binding_box_of(object);
    assert(object->loop && origin != ORIGIN_NONE);
    mp_tcp_server *server = origin == ORIGIN_PROTOTYPE ? mp_stream_server((mp_stream *)object) : NULL;
    task->on = object;
    task->signal = signal;
    task->context.of_run = box->of_run && !mp_kind_is(object->behaviour->kind, MP_TCP_SERVER) &&
                           !mp_kind_is(object->behaviour->kind, MP_UDP_SOCKET);
    binding_belong(task, server ? binding_box_of(&server->object)->generation : box->generation);
    if (task->context.generation)
        task->context.generation->calls++;
    task->of_prototype = origin == ORIGIN_PROTOTYPE;
    binding_count *count = binding_count_of(object, signal, task->of_prototype);
    if (count)
        count->calls++;
}

/* Runs the function on top of the task's stack. */
static void run_handler(binding_task *task, mp_object *object, enum mp_signal signal, intptr_t argument,
                        enum binding_origin origin) {
    int count = 1;
    binding_begin_handler(task, object, signal, origin);
    lua_pushvalue(task->co, 1);
    if (signal != MP_SIGNAL_READY_READ) {
        /* Names of states and errors are strings, which may need memory. */
        int top = lua_gettop(task->co);
        lua_pushcfunction(task->co, protected_argument);
        lua_pushlightuserdata(task->co, object);
        lua_pushinteger(task->co, signal);
        lua_pushinteger(task->co, argument);
        if (lua_pcall(task->co, 3, LUA_MULTRET, 0) != LUA_OK)
            lua_pop(task->co, 1);
        count += lua_gettop(task->co) - top;
    }
    binding_resume(task, count);
}

static int protected_lookup(lua_State *L) {
    lua_gettable(L, 1);
    return 1;
}

/* Pushes the handler in the prototype on top, through its metatable if the script has given it one. False
   and nil if there is none. The signal's name is at `name`. */
static bool push_from_prototype(binding_state *state, lua_State *L, int name) {
    lua_pushvalue(L, name);
    if (lua_rawget(L, -2) != LUA_TNIL)
        return true;
    if (!luaL_getmetafield(L, -2, "__index"))
        return false;
    lua_pop(L, 2);
    lua_pushcfunction(L, protected_lookup);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, name);
    lua_State *before = binding_enter(state, L);
    int status = lua_pcall(L, 2, 1, 0);
    binding_leave(state, before);
    if (status == LUA_OK)
        return !lua_isnil(L, -1);
    mp_log(state->loop->log_level, MP_LOG_ERROR, "%s: %s", lua_tostring(L, name),
           lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "error in the prototype's __index");
    return false;
}

enum binding_origin binding_push_handler(lua_State *L, mp_object *object, int self, int name) {
    assert(lua_touserdata(L, self) == binding_box_of(object) && lua_type(L, name) == LUA_TSTRING);
    if (binding_box_of(object)->has_fields) {
        binding_push_fields(L, self);
        lua_pushvalue(L, name);
        if (lua_rawget(L, -2) != LUA_TNIL)
            return ORIGIN_OBJECT;
    }
    if (!mp_kind_is(object->behaviour->kind, MP_TCP_SOCKET))
        return ORIGIN_NONE;
    const mp_listener *listener = ((mp_stream *)object)->listener;
    if (!listener || listener->prototype <= 0)
        return ORIGIN_NONE;
    lua_rawgeti(L, LUA_REGISTRYINDEX, listener->prototype);
    return push_from_prototype(object->loop->owner, L, name) ? ORIGIN_PROTOTYPE : ORIGIN_NONE;
}

/* object, signal -> boolean. Several signals share a bit of `connected`, so it looks into the list. */
static int find_handler(lua_State *L) {
    mp_object *object = lua_touserdata(L, 1);
    const binding_state *state = object->loop->owner;
    enum mp_signal signal = (enum mp_signal)lua_tointeger(L, 2);
    bool found = false;
    if (binding_push(L, object)) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.signal_names[signal]);
        found = binding_push_handler(L, object, 3, 4) != ORIGIN_NONE ||
                (binding_may_be_connected(binding_box_of(object), signal) &&
                 binding_push_connections(L, 3, signal) && lua_rawlen(L, -1) > 0);
    }
    lua_pushboolean(L, found);
    return 1;
}

bool binding_has_handler(mp_object *object, enum mp_signal signal) {
    lua_State *L = ((binding_state *)object->loop->owner)->L;
    if (!mp_loop_wants(object, signal))
        return false;
    lua_pushcfunction(L, find_handler);
    lua_pushlightuserdata(L, object);
    lua_pushinteger(L, signal);
    bool found = lua_pcall(L, 2, 1, 0) == LUA_OK && lua_toboolean(L, -1);
    lua_pop(L, 1);
    return found;
}

/* Runs the object's own handler or the prototype's. False: there is none. */
static bool run_own_handler(binding_state *state, mp_object *object, enum mp_signal signal,
                            intptr_t argument) {
    binding_task *task = new_handler_task(state, object, signal);
    if (!task)
        return true;
    lua_rawgeti(task->co, LUA_REGISTRYINDEX, state->classes.signal_names[signal]);
    enum binding_origin origin = binding_push_handler(task->co, object, 1, 2);
    if (origin == ORIGIN_NONE)
        binding_give_back(task);
    else
        run_handler(task, object, signal, argument, origin);
    return origin != ORIGIN_NONE;
}

/* Runs the handlers that connect added, in the array at `list`. Returns true if there were any. */
static bool run_connections(binding_state *state, mp_object *object, int list, enum mp_signal signal,
                            intptr_t argument) {
    lua_State *L = state->L;
    bool any = false;
    lua_Integer count = (lua_Integer)lua_rawlen(L, list);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_settop(L, list);
        lua_rawgeti(L, list, i);
        binding_connection *made = lua_touserdata(L, -1);
        assert(made && made->signal == signal);
        if (!made->active)
            continue;
        lua_getiuservalue(L, -1, 1);
        any = true;
        if (made->single_shot) {
            lua_pushcfunction(L, binding_deactivate);
            lua_pushvalue(L, -3);
            if (lua_pcall(L, 1, 0, 0) != LUA_OK)
                lua_pop(L, 1);
            made->active = false;
        }
        binding_task *task = new_handler_task(state, object, signal);
        if (!task)
            break;
        lua_xmove(L, task->co, 1);
        run_handler(task, object, signal, argument, ORIGIN_OBJECT);
    }
    return any;
}

static void take_by_itself(mp_tcp_server *server) {
    mp_stream *socket = mp_tcp_server_next_pending(server);
    if (socket)
        socket->object.epoch = server->object.epoch;
}

/* A connection that no code takes gets no answer, so the log warns once. It doesn't while a handler still
   runs that may take it. */
static void tell_untaken(mp_tcp_server *server, bool handled) {
    char place[BINDING_PLACE];
    if (server->object.at_work > 0 || !mp_tcp_server_has_pending(server))
        return;
    binding_box_of(&server->object)->cared_for = true;
    mp_log(server->object.loop->log_level, MP_LOG_WARNING, "%s(%s): a client has connected, and %s",
           binding_kind_name(server->object.behaviour->kind), binding_place(place, server),
           handled ? "newConnection has not taken it: call nextPendingConnection there"
                   : "nothing takes it: set newConnection on the server, or handlers in its connection");
}

/* Also runs the handlers that connect added. The list is fixed before any handler runs, since a handler
   that is connected during an emission isn't called in it. */
static bool run_all_handlers(binding_state *state, mp_object *object, enum mp_signal signal,
                             intptr_t argument) {
    lua_State *L = state->L;
    int top = lua_gettop(L);
    bool any = true;
    if (binding_push(L, object)) {
        bool listed = binding_push_connections(L, top + 1, signal);
        int list = lua_gettop(L);
        any = run_own_handler(state, object, signal, argument);
        if (listed && run_connections(state, object, list, signal, argument))
            any = true;
    }
    lua_settop(L, top);
    return any;
}

static void run_handlers(binding_state *state, mp_object *object, enum mp_signal signal, intptr_t argument) {
    binding_box *box = binding_box_of(object);
    bool any = binding_may_be_connected(box, signal) ? run_all_handlers(state, object, signal, argument)
                                                     : run_own_handler(state, object, signal, argument);
    if (signal != MP_SIGNAL_NEW_CONNECTION || box->waits)
        return;
    /* A server with a prototype takes its connections by itself if no code asks for them. */
    mp_tcp_server *server = (mp_tcp_server *)object;
    if (!any && binding_has_prototype(state->L, server->listener))
        take_by_itself(server);
    else if (!box->cared_for)
        tell_untaken(server, any);
}

/* Two signals are not recursive, as in Qt: while a handler of one waits, the signal is postponed until its
   end. */
static bool postponed(binding_box *box, mp_object *object, enum mp_signal signal, intptr_t argument) {
    if (signal == MP_SIGNAL_READY_READ) {
        box->unseen = box->busy_reading > 0;
        return box->unseen ||
               (mp_kind_is(object->behaviour->kind, MP_TCP_SOCKET) &&
                (((mp_stream *)object)->paused || !(((mp_stream *)object)->open_mode & MP_READ_ONLY)));
    }
    if (signal == MP_SIGNAL_BYTES_WRITTEN && box->busy_writing > 0) {
        box->unseen_written += argument;
        return true;
    }
    return false;
}

void binding_emit(mp_object *object, enum mp_signal signal, intptr_t argument) {
    binding_state *state = object->loop->owner;
    binding_box *box = binding_box_of(object);
    assert(object->anchor != 0 && object->awaited == (box->waits != NULL));
    if (signal == MP_SIGNAL_TIMEOUT && binding_box_is_retired(box)) {
        mp_timer_stop((mp_timer *)object);
        return;
    }
    /* A new connection: input of the last one that suspended handlers haven't seen isn't signalled on it. */
    if (signal == MP_SIGNAL_STATE_CHANGED && argument == MP_STATE_HOST_LOOKUP) {
        box->unseen = false;
        box->unseen_written = 0;
    }
    if (!object->blocked && !object->muted && !postponed(box, object, signal, argument))
        run_handlers(state, object, signal, argument);
    if (box->waits)
        binding_wake(object, MP_SIGNAL_BIT(signal));
}
