/*
 * Datagrams for handlers. Those of one socket run one after another in one coroutine, as readyRead handlers
 * do (batch.c). If a handler waits or fails, the coroutine and the info stay with it, and the others run in
 * another one with another info.
 *
 * SPDX-License-Identifier: MIT
 */
#include "signal/datagram.h"

#include <assert.h>

#include "net/udp_input.h"
#include "run/wait.h"
#include "run/work.h"
#include "signal/emit.h"
#include "signal/report.h"

static const binding_task_kind kind = {.name = "batch", .failed = binding_report_of_batch};

struct binding_datagrams {
    int info;                      /* reference: the one that is used again, or LUA_NOREF */
    const mp_object *emitting;     /* on which datagramReceived is emitted like any signal, */
    mp_datagram datagram;          /* with this datagram, */
    binding_datagram_info emitted; /* and a copy of this info */
};

/* One run of handlers, on the C stack of the caller that begins it. */
typedef struct datagram_run {
    binding_state *state;
    mp_udp_socket *socket;
    bool took; /* a datagram */
    bool left; /* all of its handlers have returned */
    bool more; /* and there are other handlers, which it can't run */
} datagram_run;

/* True if at most the object's own handler has to run. */
static bool is_simple(const mp_udp_socket *socket) {
    const binding_box *box = binding_box_of((mp_object *)(uintptr_t)&socket->object);
    return !socket->object.blocked && !box->weak &&
           !binding_may_be_connected(box, MP_SIGNAL_DATAGRAM_RECEIVED);
}

/* Pushes the info that is free now, or a new one, and takes it, so that the next caller gets another one. */
static binding_datagram_info *push_info(lua_State *L, binding_state *state) {
    struct binding_datagrams *datagrams = state->datagrams;
    if (datagrams->info == LUA_NOREF)
        return binding_push_datagram_info(L, state);
    lua_rawgeti(L, LUA_REGISTRYINDEX, datagrams->info);
    luaL_unref(L, LUA_REGISTRYINDEX, datagrams->info);
    datagrams->info = LUA_NOREF;
    return lua_touserdata(L, -1);
}

/* The info at `index` is free again. */
static void free_info(lua_State *L, binding_state *state, int index) {
    if (state->datagrams->info != LUA_NOREF)
        return;
    lua_pushvalue(L, index);
    state->datagrams->info = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* A handler has waited, or has caught an error, which makes Lua return here, too. Its task ends with it. */
static int waited(lua_State *L, int status, lua_KContext context) {
    binding_state *state = (binding_state *)context; // NOLINT(performance-no-int-to-ptr)
    (void)status;
    if (!binding_running_task(state)->suspended) {
        lua_settop(L, 3);
        free_info(L, state, 3);
    }
    return 0;
}

/* Runs handlers of one socket as long as it is simple. Returns only when these have returned. */
static int run_handlers(lua_State *L) {
    datagram_run *run = lua_touserdata(L, 1);
    binding_state *state = run->state;
    mp_udp_socket *socket = run->socket;
    binding_task *task = binding_running_task(state);
    mp_datagram datagram;
    assert(task && task->co == L);
    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.signal_names[MP_SIGNAL_DATAGRAM_RECEIVED]); /* 1 */
    if (!binding_push(L, &socket->object))                                                       /* 2 */
        return 0;
    binding_datagram_info *info = push_info(L, state); /* 3 */
    task->owner = info;
    while (is_simple(socket)) {
        enum binding_origin origin = binding_push_handler(L, &socket->object, 2, 1);
        if (origin == ORIGIN_NONE || !mp_udp_next(socket, &datagram)) {
            binding_end_handler(task); /* looking for the handler may have run code of the script as well */
            run->left = true;
            break;
        }
        run->took = true;
        task->on = &socket->object;
        binding_begin_handler(task, &socket->object, MP_SIGNAL_DATAGRAM_RECEIVED, origin);
        lua_pushvalue(L, 2);
        binding_push_datagram(L, state, &datagram, info);
        lua_pushvalue(L, 3);
        lua_callk(L, 5, 0, (lua_KContext)state, waited);
        binding_end_handler(task);
        lua_settop(L, 3);
    }
    run->more = !run->left;
    run->left = true;
    lua_settop(L, 3);
    free_info(L, state, 3);
    return 0;
}

/* Runs the handlers of one datagram in the way of all signals; false: there is no datagram. */
static bool emit_one(binding_state *state, mp_udp_socket *socket) {
    struct binding_datagrams *datagrams = state->datagrams;
    if (!mp_udp_next(socket, &datagrams->datagram))
        return false;
    datagrams->emitting = &socket->object;
    state->loop->upcalls->emit(&socket->object, MP_SIGNAL_DATAGRAM_RECEIVED, (intptr_t)&datagrams->datagram);
    datagrams->emitting = NULL;
    return true;
}

void binding_push_datagram_argument(lua_State *L, const mp_object *object, intptr_t argument) {
    binding_state *state = object->loop->owner;
    mp_datagram datagram = *(const mp_datagram *)argument; // NOLINT(performance-no-int-to-ptr)
    binding_datagram_info *info = binding_push_datagram_info(L, state);
    binding_push_datagram(L, state, &datagram, info);
    lua_rotate(L, -4, -1);
    state->datagrams->emitted = *info;
}

void binding_datagrams(mp_udp_socket *socket) {
    binding_state *state = socket->object.loop->owner;
    struct mp_udp_shared *shared = mp_udp_shared_of(socket);
    for (bool more = true; more && shared->delivering;) {
        binding_task *task = is_simple(socket) ? binding_take_task(state) : NULL;
        if (!task) {
            more = emit_one(state, socket);
            continue;
        }
        datagram_run run = {.state = state, .socket = socket};
        task->on = &socket->object;
        task->signal = MP_SIGNAL_DATAGRAM_RECEIVED;
        task->kind = &kind;
        lua_pushcfunction(task->co, run_handlers);
        lua_pushlightuserdata(task->co, &run);
        binding_resume(task, 1);
        more = run.left ? run.more : run.took; /* without memory it takes none */
    }
}

const binding_datagram_info *binding_running_datagram(const binding_state *state, const mp_object *object) {
    const binding_task *task = binding_running_task(state);
    if (!task || task->on != object || task->signal != MP_SIGNAL_DATAGRAM_RECEIVED)
        return NULL;
    if (task->kind == &kind)
        return task->owner;
    return state->datagrams->emitting == object ? &state->datagrams->emitted : NULL;
}

void binding_open_datagrams(lua_State *L, binding_state *state) {
    state->datagrams = binding_allocate(L, sizeof *state->datagrams);
    state->datagrams->info = LUA_NOREF;
}
