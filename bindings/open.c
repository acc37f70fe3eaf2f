/*
 * Opens the bindings: connects their parts, the loop's upcalls, its chores, and the calls of lower files to
 * those above them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "open.h"

#include "class/channel.h"
#include "class/condition.h"
#include "class/host_address.h"
#include "class/local_server.h"
#include "class/local_socket.h"
#include "class/lookup.h"
#include "class/pipe.h"
#include "class/process.h"
#include "class/semaphore.h"
#ifdef MOONPORT_TLS
#include "class/ssl_certificate.h"
#include "class/ssl_configuration_class.h"
#include "class/ssl_key.h"
#include "class/ssl_server.h"
#include "class/ssl_socket.h"
#else
#define binding_name_requested NULL
#endif
#include "class/tcp_server.h"
#include "class/tcp_socket.h"
#include "class/timer.h"
#include "class/udp_socket.h"
#include "class/websocket.h"
#include "class/work.h"
#include "collector.h"
#include "generation/resumption.h"
#include "generation/retirement.h"
#include "generation/succession.h"
#include "lasting.h"
#include "library.h"
#include "moonport.h"
#include "object/count.h"
#include "object/lost.h"
#include "object/peer.h"
#include "object/prototype.h"
#include "object/signal_name.h"
#include "run/deadline.h"
#include "run/spawn.h"
#include "run/wait.h"
#include "run/work.h"
#include "signal/batch.h"
#include "signal/connect.h"
#include "signal/datagram.h"
#include "signal/emit.h"
#include "signal/peer_fault.h"
#include "signal/report.h"
#include "system/interrupt.h"

/* --- upcalls -------------------------------------------------------------------------------------------- */

/* Resumes a connection after a reload before its next event. */
static void emit_upcall(mp_object *object, enum mp_signal signal, intptr_t argument) {
    if (mp_kind_is(object->behaviour->kind, MP_TCP_SOCKET) && binding_is_behind((mp_stream *)object))
        binding_tell_connection((mp_stream *)object);
    if (!binding_box_of(object)->weak) {
        binding_emit(object, signal, argument);
        return;
    }
    /* A weakly anchored object stays until the delivery is over, whatever the handlers drop. */
    lua_State *L = ((binding_state *)object->loop->owner)->L;
    if (binding_push(L, object))
        binding_emit(object, signal, argument);
    lua_pop(L, 1);
}

/* A fresh socket of the kind that the server's connections are. */
static mp_tcp_socket *push_new_connection(lua_State *L, const mp_tcp_server *server) {
    binding_state *state = server->object.loop->owner;
#ifdef MOONPORT_TLS
    if (server->object.behaviour->kind == MP_SSL_SERVER)
        return &binding_push_new_ssl_socket(L, state, server)->tcp;
#endif
    if (server->object.behaviour->kind == MP_LOCAL_SERVER)
        return &binding_push_new_local_socket(L, state, server)->tcp;
    return binding_push_new_socket(L, state, server);
}

/* server -> address of a new, anchored socket */
static int new_accepted(lua_State *L) {
    mp_tcp_server *server = lua_touserdata(L, 1);
    mp_tcp_socket *socket = push_new_connection(L, server);
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

/* Releases what the bindings hold for an object when the host releases it. */
static void let_go(mp_object *object) {
    binding_box *box = binding_box_of(object);
    if (mp_kind_is(object->behaviour->kind, MP_TCP_SERVER))
        binding_drop_prototype((mp_tcp_server *)object);
    if (!mp_kind_is(object->behaviour->kind, MP_TCP_SOCKET))
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
    if (mp_kind_is(object->behaviour->kind, MP_TCP_SOCKET))
        binding_note_release(state);
}

static void unpin_upcall(void *owner, int token) {
    luaL_unref(((binding_state *)owner)->L, LUA_REGISTRYINDEX, token);
}

static const mp_upcalls upcalls = {emit_upcall, release_upcall};
static const mp_network_upcalls network_upcalls = {
    binding_arrived,        accept_upcall,   unpin_upcall,     binding_has_handler,
    binding_name_requested, binding_flushed, binding_datagrams};

/* --- hooks and chores ----------------------------------------------------------------------------------- */

/* A slice in each turn: finalises what Lua has lost, ends what the last run has made, then resumes
   connections after a reload, then collects the garbage of both. */
static bool follow_up(mp_loop *loop) {
    return !binding_finalise_lost(loop->owner) || binding_retire_some(loop->owner) ||
           binding_tell_some(loop) || binding_collect_due(loop->owner);
}

static const binding_task_kind spawned = {
    .name = "task", .lasting = true, .failed = binding_report, .ended = binding_spawned_ended};

#ifndef MOONPORT_TLS
static void push_no_argument(lua_State *L, int kind, const mp_object *object, intptr_t argument) {
    (void)L, (void)kind, (void)object, (void)argument;
}
#define binding_push_ssl_argument push_no_argument
#endif

static void push_argument(lua_State *L, int kind_of_argument, const mp_object *object, intptr_t argument) {
    if (kind_of_argument == MP_ARGUMENT_DATAGRAM)
        binding_push_datagram_argument(L, object, argument);
    else if (kind_of_argument >= MP_ARGUMENT_PROCESS_STATE)
        binding_push_process_argument(L, kind_of_argument, argument);
    else
        binding_push_ssl_argument(L, kind_of_argument, object, argument);
}

static void succeeded(binding_state *state) {
    binding_collect_soon(state);
    binding_tell_lasting(state);
}

static const binding_hooks hooks = {&spawned, succeeded, push_argument, follow_up};

/* --- life ----------------------------------------------------------------------------------------------- */

/* Memory may have run out before all of it was made. */
static int state_gc(lua_State *L) {
    binding_state *state = lua_touserdata(L, 1);
    binding_finalise_orphans(L);
    binding_end_losses(L, state);
    if (state->tasks)
        binding_free_tasks(state);
    binding_unreference(state->generations.staging);
    binding_unreference(state->generations.current);
    while (state->generations.first)
        binding_free_generation(state->generations.first); /* the finaliser of its handle is lost */
    if (state->tasks) {
        mp_repetitions_free(state->tasks->repetitions);
        mp_repetitions_free(state->tasks->peer_repetitions);
        state->tasks->repetitions = state->tasks->peer_repetitions = NULL;
    }
    binding_end_work(state);
    binding_free_counts(state);
    if (state->loop)
        mp_network_free(mp_network_of(state->loop));
    state->loop = NULL;
    return 0;
}

binding_state *binding_open(lua_State *L) {
    binding_state *state = binding_new_state(L, state_gc);
    state->hooks = &hooks;
    *(void **)lua_getextraspace(
        state->L) = NULL; /* and so in all coroutines that are made: none is a task's */
    binding_watch_losses(L, state);
    binding_open_tasks(L, state);
    binding_open_waits(L, state);
    binding_open_collector(L, state);
    mp_network *network;
    if (mp_network_new(&upcalls, &network_upcalls, state, &network) < 0)
        luaL_error(L, "moonport: out of memory");
    state->loop = &network->loop;
    state->tasks->repetitions = mp_repetitions_new(state->loop, MP_LOG_ERROR);
    state->tasks->peer_repetitions = mp_repetitions_new(state->loop, MP_LOG_INFO);
    if (!lua_checkstack(state->L, BINDING_STACK))
        luaL_error(L, "moonport: out of memory");
    mp_system_survive_sigpipe();
    /* Connections are always accepted, whatever a script does with newConnection. */
    state->loop->wanted = MP_SIGNAL_BIT(MP_SIGNAL_NEW_CONNECTION);
    binding_open_signal_names(L, state);
    binding_open_tcp_socket(L, state);
    binding_open_tcp_server(L, state);
#ifdef MOONPORT_TLS
    binding_open_ssl_configuration(L, state);
    binding_open_ssl_socket(L, state);
    binding_open_ssl_server(L, state);
#endif
    binding_open_local_socket(L, state);
    binding_open_local_server(L, state);
    binding_open_udp_socket(L, state);
    binding_open_process(L, state);
    binding_open_datagram_info(L, state);
    binding_open_peers(L, state);
    binding_open_datagrams(L, state);
    binding_open_timer(L, state);
    binding_open_host_address(L, state);
    binding_open_lookup(L, state);
    binding_open_pipe(L, state);
    binding_open_file_sender(L, state);
    binding_open_work(L, state);
#ifdef MOONPORT_TLS
    binding_open_ssl_certificate(L, state);
    binding_open_ssl_key(L, state);
#endif
    binding_open_spawn(L, state);
    binding_open_deadlines(L, state);
    binding_open_peer_faults(L, state);
    binding_open_semaphore(L, state);
    binding_open_condition(L, state);
    binding_open_channel(L, state);
    binding_open_websocket(L, state);
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
        /* package.loaded was cleared, as busted does between files: the host is still the same */
        lua_pushnil(L);
        binding_push_module(L, state, lua_gettop(L));
        return 1;
    }
    binding_open(L);
    return 1;
}
