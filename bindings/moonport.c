/*
 * The module table: constructors, tasks and time, connections of signals, statistics, persist, quit and run.
 *
 * SPDX-License-Identifier: MIT
 */
#include "moonport.h"

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
#include "class/ssl_certificate_class.h"
#include "class/ssl_configuration_class.h"
#include "class/ssl_key.h"
#include "class/ssl_server.h"
#include "class/ssl_socket.h"
#endif
#include "class/tcp_server.h"
#include "class/tcp_socket.h"
#include "class/timer.h"
#include "class/udp_socket.h"
#include "class/work.h"
#include "generation/succession.h"
#include "log.h"
#include "object/class.h"
#include "object/result.h"
#include "object/surplus.h"
#include "run/deadline.h"
#include "run/spawn.h"
#include "run/wait.h"
#include "signal/connect.h"
#include "signal/peer_fault.h"
#include "signal/system_signal.h"
#include "system/system.h"

/* moonport.now() -> whole milliseconds, monotonic */
static int module_now(lua_State *L) {
    binding_takes(L, 0);
    lua_pushinteger(L, (lua_Integer)mp_loop_now());
    return 1;
}

/* moonport.hrtime() -> nanoseconds of the same clock */
static int module_hrtime(lua_State *L) {
    binding_takes(L, 0);
    lua_pushinteger(L, (lua_Integer)(mp_loop_now() * 1e6));
    return 1;
}

/* moonport.epoch() -> whole milliseconds since 1970 */
static int module_epoch(lua_State *L) {
    binding_takes(L, 0);
    lua_pushinteger(L, mp_system_epoch());
    return 1;
}

/* moonport.onError(fn or nil) */
static int module_on_error(lua_State *L) {
    binding_takes(L, 1);
    return binding_set_reference(L, &binding_generation_of(L)->on_error);
}

/* --- runs of the script --------------------------------------------------------------------------------- */

/* moonport.generation() -> number of the run that the calling code belongs to */
static int module_generation(lua_State *L) {
    binding_takes(L, 0);
    lua_pushinteger(L, binding_generation_of(L)->number);
    return 1;
}

/* moonport.stale() -> true if there is newer code than the caller */
static int module_stale(lua_State *L) {
    binding_takes(L, 0);
    binding_generation *generation = binding_generation_of(L);
    lua_pushboolean(L, generation != generation->state->generations.current && !generation->staging);
    return 1;
}

/* moonport.onReload(fn or nil): called with (ok, report) after each reload */
static int module_on_reload(lua_State *L) {
    binding_takes(L, 1);
    return binding_set_reference(L, &binding_generation_of(L)->on_reload);
}

/* moonport.onQuit(fn or nil): called when the program stops, before its connections are closed */
static int module_on_quit(lua_State *L) {
    binding_takes(L, 1);
    return binding_set_reference(L, &binding_generation_of(L)->on_quit);
}

/* moonport.reload() -> true: loads the script again, between two events | nil, message, code */
static int module_reload(lua_State *L) {
    binding_state *state = binding_state_of(L);
    if (!state->host || !state->host->reload(state))
        return binding_fail(L, "reload", MP_FAULT_UNFINISHED);
    lua_pushboolean(L, 1);
    return 1;
}

/* --- the program ---------------------------------------------------------------------------------------- */

static void set_count(lua_State *L, const char *name, uint64_t count) {
    lua_pushinteger(L, (lua_Integer)count);
    lua_setfield(L, -2, name);
}

/* moonport.stats() -> table */
static int module_stats(lua_State *L) {
    binding_takes(L, 0);
    binding_state *state = binding_state_of(L);
    const mp_network *network = mp_network_of(state->loop);
    const mp_overload *overload = &network->overload;
    lua_createtable(L, 0, 16);
    set_count(L, "connections", network->traffic.connections);
    set_count(L, "accepted", network->traffic.accepted);
    set_count(L, "connected", network->traffic.connected);
    set_count(L, "bytesRead", network->traffic.bytes_read);
    set_count(L, "bytesSent", network->traffic.bytes_sent);
    set_count(L, "handlerErrors", state->tasks->errors);
    set_count(L, "peerErrors", state->tasks->peer_errors);
    set_count(L, "iterations", state->loop->iterations);
    set_count(L, "objects", state->loop->objects);
    set_count(L, "processes", network->processes);
    set_count(L, "buffers", mp_network_buffers(network));
    set_count(L, "refused",
              overload->refused[MP_REFUSED_BUFFERS] + overload->refused[MP_REFUSED_CONNECTIONS] +
                  overload->refused[MP_REFUSED_HANDSHAKES]);
    set_count(L, "shed", overload->ended);
    set_count(L, "tasks", state->tasks->count);
    set_count(L, "generation", state->generations.current->number);
    set_count(L, "memory", (uint64_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + (uint64_t)lua_gc(L, LUA_GCCOUNTB, 0));
    if (state->host)
        state->host->stats(state, L);
    return 1;
}

/* moonport.worker() -> number of this process, how many there are: 1, 1 without --workers */
static int module_worker(lua_State *L) {
    binding_takes(L, 0);
    const binding_state *state = binding_state_of(L);
    lua_pushinteger(L, state->workers > 0 ? state->worker : 1);
    lua_pushinteger(L, state->workers > 0 ? state->workers : 1);
    return 2;
}

/* moonport.quit([status = 0]) */
static int module_quit(lua_State *L) {
    binding_takes(L, 1);
    binding_state *state = binding_state_of(L);
    lua_Integer status = luaL_optinteger(L, 1, 0);
    luaL_argcheck(L, status >= 0 && status <= 255, 1, "an exit status is from 0 to 255");
    if (binding_generation_of(L)->staging) {
        state->host->refuse(L, "quit");
        return luaL_error(L, "quit: while the script is being reloaded");
    }
    state->driver->quit_status = (int)status;
    state->driver->quitting = true;
    if (state->host)
        state->host->quit(state);
    else
        mp_loop_stop(state->loop);
    return 0;
}

/* moonport.run() -> status: runs the loop until nothing is left or quit; for a plain Lua */
static int module_run(lua_State *L) {
    binding_takes(L, 0);
    binding_state *state = binding_state_of(L);
    binding_driver *driver = state->driver;
    if (state->host)
        return luaL_error(L, "run: the host runs the loop");
    if (binding_in_finaliser(L))
        return luaL_error(L, "run: in a finaliser");
    if (driver->looping)
        return luaL_error(L, "run: the loop runs already");
    if (!lua_checkstack(state->L, BINDING_STACK))
        return luaL_error(L, "run: out of memory");
    driver->looping = true;
    if (!driver->quitting)
        mp_loop_run(state->loop);
    driver->looping = false;
    driver->quitting = false;
    lua_pushinteger(L, driver->quit_status);
    driver->quit_status = 0;
    return 1;
}

/* --- the table ------------------------------------------------------------------------------------------ */

#ifndef MOONPORT_TLS
/* What it stands for isn't there: anything that is made of it says so. */
static int no_tls(lua_State *L) {
    return luaL_error(L, "this moonport was built without TLS (-D MOONPORT_TLS=OFF)");
}

#define binding_new_ssl_server no_tls
#define binding_new_ssl_socket no_tls
#define binding_new_ssl_configuration no_tls
#define binding_new_ssl_key no_tls

static void binding_push_ssl_certificate_class(lua_State *L, binding_state *state) {
    lua_newtable(L);
    lua_createtable(L, 0, 2);
    binding_set_function(L, state, "__call", no_tls);
    binding_set_function(L, state, "__index", no_tls);
    lua_setmetatable(L, -2);
}
#endif

void binding_push_module(lua_State *L, binding_state *state, int generation) {
    static const luaL_Reg functions[] = {
        {"TcpServer", binding_new_tcp_server},
        {"TcpSocket", binding_new_tcp_socket},
        {"SslServer", binding_new_ssl_server},
        {"SslSocket", binding_new_ssl_socket},
        {"SslConfiguration", binding_new_ssl_configuration},
        {"LocalSocket", binding_new_local_socket},
        {"UdpSocket", binding_new_udp_socket},
        {"Timer", binding_new_timer},
        {"singleShot", binding_single_shot},
        {"Semaphore", binding_new_semaphore},
        {"Condition", binding_new_condition},
        {"Channel", binding_new_channel},
        {"now", module_now},
        {"hrtime", module_hrtime},
        {"epoch", module_epoch},
        {"onError", module_on_error},
        {"stats", module_stats},
        {"quit", module_quit},
        {"run", module_run},
        {"generation", module_generation},
        {"stale", module_stale},
        {"onReload", module_on_reload},
        {"onQuit", module_on_quit},
        {"reload", module_reload},
        {"worker", module_worker},
        {"worker", module_worker},
        {NULL, NULL},
    };
    const luaL_Reg *const parts[] = {functions,
                                     binding_lookup_functions,
                                     binding_pipe_functions,
                                     binding_connection_functions,
                                     binding_spawn_functions,
                                     binding_wait_functions,
                                     binding_deadline_functions,
                                     binding_peer_fault_functions,
                                     binding_system_signal_functions,
                                     binding_work_functions,
                                     binding_persist_functions};
    lua_newtable(L);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        lua_pushlightuserdata(L, state);
        lua_pushvalue(L, generation);
        luaL_setfuncs(L, parts[i], 2);
    }
    binding_push_host_address_class(L, state);
    lua_setfield(L, -2, "HostAddress");
    binding_push_ssl_certificate_class(L, state);
    lua_setfield(L, -2, "SslCertificate");
    binding_set_function(L, state, "SslKey", binding_new_ssl_key);
    binding_push_local_server_class(L, state, generation);
    lua_setfield(L, -2, "LocalServer");
    binding_push_process_class(L, state, generation);
    lua_setfield(L, -2, "Process");
    binding_push_log(L, state);
    lua_setfield(L, -2, "log");
    lua_pushliteral(L, MOONPORT_VERSION);
    lua_setfield(L, -2, "version");
}

binding_generation *binding_push_new_module(lua_State *L, binding_state *state) {
    binding_generation *generation = binding_new_generation(L, state);
    binding_push_module(L, state, lua_gettop(L));
    lua_remove(L, -2);
    binding_begin_generation(generation); /* nothing can raise any more */
    return generation;
}
