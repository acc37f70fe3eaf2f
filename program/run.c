/*
 * Running: the libraries, then the first generation, until nothing is left that could cause an event.
 *
 * SPDX-License-Identifier: MIT
 */
#include "run.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector.h"
#include "memory/input.h"
#include "memory/pool.h"
#include "moonport.h"
#include "open.h"
#include "run/wait.h"
#include "run/watched.h"
#include "script/c_module.h"
#include "script/check.h"
#include "script/environment.h"
#include "script/globals.h"
#include "script/source.h"

/* --- what the bindings ask of the program --------------------------------------------------------------- */

static void on_quit(binding_state *state) {
    program *self = state->program;
    program_begin_stop(&self->stop);
}

static bool on_reload(binding_state *state) {
    program *self = state->program;
    return program_want_reload(&self->reload);
}

static void on_failed(binding_state *state, const binding_generation *generation, const char *message,
                      const mp_address *peer) {
    program *self = state->program;
    program_note_failure(&self->reload.probation, generation, message, peer);
}

static void on_stats(binding_state *state, lua_State *L) {
    const program *self = state->program;
    program_add_statistics(&self->reload.report, L);
}

static void on_trim(void) {
    program_trim_pool();
    program_trim_input();
}

static const binding_host host = {.adopt = program_adopt_input,
                                  .quit = on_quit,
                                  .refuse = program_refuse,
                                  .reload = on_reload,
                                  .failed = on_failed,
                                  .stats = on_stats,
                                  .trim = on_trim};

/* Finalisers run while the Lua state closes, and the program's part has ended by then. */
static void quit_no_more(binding_state *state) {
    (void)state;
}

static bool reload_no_more(binding_state *state) {
    (void)state;
    return false;
}

static void add_no_more(binding_state *state, lua_State *L) {
    (void)state;
    (void)L;
}

static void fail_no_more(binding_state *state, const binding_generation *generation, const char *message,
                         const mp_address *peer) {
    (void)state;
    (void)generation;
    (void)message;
    (void)peer;
}

static void refuse_no_more(lua_State *L, const char *name) {
    luaL_error(L, "%s: the program has ended", name);
}

static const binding_host ended = {.adopt = program_adopt_input,
                                   .quit = quit_no_more,
                                   .refuse = refuse_no_more,
                                   .reload = reload_no_more,
                                   .failed = fail_no_more,
                                   .stats = add_no_more,
                                   .trim = on_trim};

/* MOONPORT_GC=eager in the environment, for tests. */
static bool collects_eagerly(void) {
    const char *wish = getenv("MOONPORT_GC");
    return wish && strcmp(wish, "eager") == 0;
}

/* os.exit: ends the service, but from no generation that doesn't serve yet. Upvalue: Lua's own */
static int exit_process(lua_State *L) {
    program_refuse(L, "os.exit");
    program *self = binding_find(L)->program;
    program_give_up_compiling(&self->reload.next.compiler); /* the state may be closed */
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 0);
    return 0;
}

static void guard_exit(lua_State *L) {
    lua_getglobal(L, LUA_OSLIBNAME);
    lua_getfield(L, -1, "exit");
    lua_pushcclosure(L, exit_process, 1);
    lua_setfield(L, -2, "exit");
    lua_pop(L, 1);
}

/* --- running -------------------------------------------------------------------------------------------- */

/* program -> reference to the first generation's `moonport` */
static int open_libraries(lua_State *L) {
    program *self = lua_touserdata(L, 1);
    luaL_openlibs(L);
    guard_exit(L);
    program_keep_standard(L);
    program_note_c_modules(L);
    program_hold_descriptor();
    binding_state *state = self->state = binding_open(L);
    lua_pushinteger(L, luaL_ref(L, LUA_REGISTRYINDEX));
    program_lend_input(L, state);
    if (self->options.handler_timeout > 0 || self->options.handler_kill > 0)
        binding_watch_functions(L, state);
    if (collects_eagerly())
        binding_collect_eagerly(L);
    else
        binding_pace_collector(L, state);
    /* Installed modules are shared by all generations: what they make belongs to the one that calls them. */
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushnil(L);
    binding_push_module(L, state, lua_gettop(L));
    lua_setfield(L, -3, "moonport");
    lua_pop(L, 2);
    program_share_globals(L);
    state->host = &host;
    state->program = self;
    state->loop->log_level = self->options.log_level;
    return 1;
}

static void fail(program *self, const char *why) {
    program_complain(why ? why : "out of memory");
    self->failed = true;
}

static void on_stop(program_stop *stop) {
    program *self = stop->owner;
    program_close_reload(&self->reload);
}

static void on_first_failed(program_reload *reload, const char *error) {
    program *self = reload->owner;
    fail(self, error);
    mp_loop_stop(self->state->loop);
}

int program_run(program *self) {
    lua_State *L = self->L;
    lua_pushcfunction(L, open_libraries);
    lua_pushlightuserdata(L, self);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        program_complain(lua_tostring(L, -1));
        return 1;
    }
    int module = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (self->options.check)
        return program_check(L, &self->options);
    int result = mp_bell_start(&self->bell, self->state->loop);
    if (result < 0) {
        char why[128];
        snprintf(why, sizeof why, "no way to be told of signals: %s", strerror(-result));
        program_complain(why);
        self->state->host = &ended;
        return 1;
    }
    program_watch_signals(&self->stop, &self->bell, self->state, self->options.grace, on_stop, self);
    program_init_reload(&self->reload, self->state, &self->options, on_first_failed, self);
    if (!program_start_watchdog(&self->watchdog, self->state, self->options.handler_timeout,
                                self->options.handler_kill))
        fail(self, "--handler-timeout: no timer");
    self->state->driver->looping = true;
    if (!lua_checkstack(L, BINDING_STACK))
        fail(self, NULL);
    if (!self->failed)
        program_start_script(&self->reload, &self->bell, module);
    if (!self->failed)
        mp_loop_run(self->state->loop);
    program_stop_watchdog(&self->watchdog);
    program_stop_reload(&self->reload);
    program_unwatch_signals(&self->stop);
    mp_bell_stop(&self->bell);
    self->state->host = &ended;
    return self->failed ? 1 : self->state->driver->quit_status;
}
