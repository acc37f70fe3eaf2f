/*
 * Input for several sockets at once. Their readyRead handlers run one after the other in one coroutine, so
 * that it is begun and cleared once and not for each. A handler that waits or fails keeps it, as the task
 * that every handler is, and the others go on in another one. So the coroutine asks the host for the next
 * socket: whatever called it would be in the way of a wait.
 *
 * SPDX-License-Identifier: MIT
 */
#include "signal/batch.h"

#include "run/wait.h"
#include "signal/emit.h"
#include "signal/report.h"

static const binding_task_kind kind = {.name = "batch", .failed = binding_report_of_batch};

/* One run of handlers; on the stack of who begins it. */
typedef struct batch_run {
    binding_state *state;
    bool left; /* the last handler has returned, and the receiver's is yet to run */
} batch_run;

/* Is the handler all that there is to run, if there is one? */
static bool is_simple(mp_stream *socket) {
    const binding_box *box = binding_box_of(&socket->object);
    return !socket->object.blocked && !box->weak && !box->waits && box->busy_reading == 0 &&
           !binding_may_be_connected(box, MP_SIGNAL_READY_READ) && !binding_is_behind(socket);
}

/* A handler has waited: its task is over when it is. */
static int waited(lua_State *L, int status, lua_KContext context) {
    (void)L;
    (void)status;
    (void)context;
    return 0;
}

/* The receiver's handler and those of the sockets behind it, until one isn't simple. Returns only after
   handlers that have. */
static int run_handlers(lua_State *L) {
    batch_run *batch = lua_touserdata(L, 1);
    binding_state *state = batch->state;
    mp_network *network = mp_network_of(state->loop);
    mp_stream *socket = network->receiver;
    binding_task *task = binding_running_task(state);
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
            /* The look-up may have run code of the script, too. */
            binding_end_handler(task);
            /* Something has begun to wait for this socket. */
            if (binding_box_of(&socket->object)->waits)
                return 0;
        }
        lua_settop(L, 1);
        socket = mp_stream_next_arrival(network);
    } while (socket && is_simple(socket));
    batch->left = true;
    return 0;
}

/* Runs the receiver's handlers, and perhaps those of some behind it. Returns the next one. */
static mp_stream *emit_some(binding_state *state, mp_stream *socket) {
    mp_network *network = mp_network_of(state->loop);
    batch_run batch = {.state = state};
    binding_task *task = is_simple(socket) ? binding_take_task(state) : NULL;
    if (!task) {
        /* From the top: it may be behind. */
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
