/*
 * Opening the bindings: here all is put together, the loop's upcalls, its chores, and what lower files have
 * done by those above them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "open.h"

#include "class/host_address.h"
#include "class/lookup.h"
#include "class/tcp_server.h"
#include "class/tcp_socket.h"
#include "class/timer.h"
#include "collector.h"
#include "generation/resumption.h"
#include "generation/retirement.h"
#include "generation/succession.h"
#include "library.h"
#include "moonport.h"
#include "object/prototype.h"
#include "object/signal_name.h"
#include "run/spawn.h"
#include "run/wait.h"
#include "run/work.h"
#include "signal/batch.h"
#include "signal/connect.h"
#include "signal/emit.h"
#include "signal/report.h"
#include "system/interrupt.h"

/* --- upcalls -------------------------------------------------------------------------------------------- */

/* A connection is told of a reload before its next event. */
static void emit_upcall(mp_object *object, enum mp_signal signal, intptr_t argument) {
    if (object->behaviour->kind == MP_TCP_SOCKET && binding_is_behind((mp_stream *)object))
        binding_tell_connection((mp_stream *)object);
    if (!binding_box_of(object)->weak) {
        binding_emit(object, signal, argument);
        return;
    }
    /* What is only weakly anchored stays until all is told, whatever the handlers let go of. */
    lua_State *L = ((binding_state *)object->loop->owner)->L;
    if (binding_push(L, object))
        binding_emit(object, signal, argument);
    lua_pop(L, 1);
}

/* server -> address of a fresh, anchored socket */
static int new_accepted(lua_State *L) {
    mp_tcp_server *server = lua_touserdata(L, 1);
    mp_tcp_socket *socket = binding_push_new_socket(L, server->object.loop->owner, server);
    socket->stream.object.epoch = server->object.epoch;
    binding_anchor(L, -1, &socket->stream.object);
    lua_pushlightuserdata(L, &socket->stream);
    return 1;
}

static mp_stream *accept_upcall(mp_tcp_server *server) {
    binding_state *state = server->object.loop->owner;
    lua_State *L = state->L;
    mp_stream *stream = NULL;
    lua_pushcfunction(L, new_accepted);
    lua_pushlightuserdata(L, server);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        stream = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return stream;
}

/* What the bindings let go of when the host does. */
static void let_go(mp_object *object) {
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

static void release_upcall(mp_object *object) {
    binding_state *state = object->loop->owner;
    int anchor = object->anchor;
    let_go(object);
    object->anchor = 0;
    luaL_unref(state->L, LUA_REGISTRYINDEX, anchor);
    if (object->behaviour->kind == MP_TCP_SOCKET)
        binding_note_release(state);
}

static void unpin_upcall(void *owner, int token) {
    luaL_unref(((binding_state *)owner)->L, LUA_REGISTRYINDEX, token);
}

static const mp_upcalls upcalls = {emit_upcall, release_upcall};
static const mp_network_upcalls network_upcalls = {binding_arrived, accept_upcall, unpin_upcall,
                                                   binding_flushed};

/* --- hooks and chores ----------------------------------------------------------------------------------- */

/* In each turn, a slice: what the run before has made ends, connections are told of a reload, then what it
   has let go is collected. */
static bool follow_up(mp_loop *loop) {
    return binding_retire_some(loop->owner) || binding_tell_some(loop) || binding_collect_due(loop->owner);
}

static const binding_task_kind spawned = {
    .name = "task", .lasting = true, .failed = binding_report, .ended = binding_spawned_ended};

static const binding_hooks hooks = {&spawned, binding_collect_soon, follow_up};

/* --- life ----------------------------------------------------------------------------------------------- */

/* Memory may have run out before all of it was made. */
static int state_gc(lua_State *L) {
    binding_state *state = lua_touserdata(L, 1);
    binding_finalise_orphans(L);
    if (state->tasks)
        binding_free_tasks(state);
    binding_unreference(state->generations.staging);
    binding_unreference(state->generations.current);
    if (state->tasks) {
        mp_repetitions_free(state->tasks->repetitions);
        state->tasks->repetitions = NULL;
    }
    if (state->loop)
        mp_network_free(mp_network_of(state->loop));
    state->loop = NULL;
    return 0;
}

binding_state *binding_open(lua_State *L) {
    binding_state *state = binding_new_state(L, state_gc);
    state->hooks = &hooks;
    binding_open_tasks(L, state);
    binding_open_waits(L, state);
    binding_open_collector(L, state);
    mp_network *network;
    if (mp_network_new(&upcalls, &network_upcalls, state, &network) < 0)
        luaL_error(L, "moonport: out of memory");
    state->loop = &network->loop;
    state->tasks->repetitions = mp_repetitions_new(state->loop);
    if (!lua_checkstack(state->L, BINDING_STACK))
        luaL_error(L, "moonport: out of memory");
    mp_system_survive_sigpipe();
    /* Whatever a script does with newConnection, its connections are accepted. */
    state->loop->wanted = MP_SIGNAL_BIT(MP_SIGNAL_NEW_CONNECTION);
    *(void **)lua_getextraspace(state->L) = NULL;
    binding_open_signal_names(L, state);
    binding_open_tcp_socket(L, state);
    binding_open_tcp_server(L, state);
    binding_open_timer(L, state);
    binding_open_host_address(L, state);
    binding_open_lookup(L, state);
    binding_open_spawn(L, state);
    binding_open_connections(L, state);
    binding_open_writing(L, state);
    binding_open_persist(L);
    binding_preload_library(L, binding_library);
    (void)binding_push_new_module(L, state);
    return state;
}

int luaopen_moonport(lua_State *L) {
    binding_state *state = binding_find(L);
    if (state) {
        /* Again, since package.loaded has been cleared, as busted does between files: it is the same host. */
        lua_pushnil(L);
        binding_push_module(L, state, lua_gettop(L));
        return 1;
    }
    binding_open(L);
    return 1;
}
