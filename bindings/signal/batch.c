/*
 * Input for several sockets at once. Their readyRead handlers run one after another in one coroutine, so that
 * it is started and reset only once. If a handler waits or fails, the coroutine stays with it, as that
 * handler's task, and the others run in another one. So the coroutine itself asks the host for the next
 * socket: a caller in between would prevent waiting.
 *
 * SPDX-License-Identifier: MIT
 */
#include "signal/batch.h"

#include <assert.h>

#include "run/wait.h"
#include "run/work.h"
#include "signal/emit.h"
#include "signal/report.h"

static const binding_task_kind kind = {.name = "batch", .failed = binding_report_of_batch};

/* One run of handlers, on the C stack of the caller that begins it. */
typedef struct batch_run {
    binding_state *state;
    bool left; /* the last handler has returned, and the receiver's hasn't run yet */
} batch_run;

/* True if at most the object's own handler has to run. */
static bool is_simple(mp_stream *socket) {
    const binding_box *box = binding_box_of(&socket->object);
    return !socket->object.blocked && !box->weak && !box->waits && box->busy_reading == 0 &&
           !binding_may_be_connected(box, MP_SIGNAL_READY_READ) && !binding_is_behind(socket);
}

/* A handler has waited. Its task ends with it. */
static int waited(lua_State *L, int status, lua_KContext context) {
    (void)L;
    (void)status;
    (void)context;
    return 0;
}

/* Runs the handlers of the receiver and of the sockets after it, until one isn't simple. Returns only when
   these handlers have returned. */
static int run_handlers(lua_State *L) {
    batch_run *batch = lua_touserdata(L, 1);
    binding_state *state = batch->state;
    mp_network *network = mp_network_of(state->loop);
    mp_stream *socket = network->receiver;
    binding_task *task = binding_running_task(state);
    assert(socket && task && task->co == L);
    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.signal_names[MP_SIGNAL_READY_READ]); /* 1 */
    do {
        if (binding_push(L, &socket->object)) { /* 2 */
            enum binding_origin origin = binding_push_handler(L, &socket->object, 2, 1);
            if (origin != ORIGIN_NONE) {
                binding_begin_handler(task, &socket->object, MP_SIGNAL_READY_READ, origin);
                lua_pushvalue(L, 2);
                lua_callk(L, 1, 0, 0, waited);
            }
            /* Looking for the handler may have run code of the script as well. */
            binding_end_handler(task);
            /* A task has begun to wait for this socket. */
            if (binding_box_of(&socket->object)->waits)
                return 0;
        }
        lua_settop(L, 1);
        socket = mp_stream_next_arrival(network);
    } while (socket && is_simple(socket));
    batch->left = true;
    return 0;
}

/* Runs the handlers of the receiver and possibly of some sockets after it. Returns the next one. */
static mp_stream *emit_some(binding_state *state, mp_stream *socket) {
    mp_network *network = mp_network_of(state->loop);
    batch_run batch = {.state = state};
    assert(socket == network->receiver);
    binding_task *task = is_simple(socket) ? binding_take_task(state) : NULL;
    if (!task) {
        /* A full emission, since the socket may have missed a reload. */
        state->loop->upcalls->emit(&socket->object, MP_SIGNAL_READY_READ, 0);
        return mp_stream_next_arrival(network);
    }
    task->on = &socket->object;
    task->signal = MP_SIGNAL_READY_READ;
    task->kind = &kind;
    lua_pushcfunction(task->co, run_handlers);
    lua_pushlightuserdata(task->co, &batch);
    binding_resume(task, 1);
    if (batch.left)
        return network->receiver;
    socket = network->receiver;
    if (socket && binding_box_of(&socket->object)->waits)
        binding_wake(&socket->object, MP_SIGNAL_BIT(MP_SIGNAL_READY_READ));
    return mp_stream_next_arrival(network);
}

void binding_arrived(mp_network *network) {
    mp_stream *socket = mp_stream_next_arrival(network);
    while (socket)
        socket = emit_some(network->loop.owner, socket);
}
