/*
 * Running: opens the libraries, runs the first generation, and ends when nothing is left that could cause an
 * event.
 *
 * SPDX-License-Identifier: MIT
 */
#include "run.h"

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "class/work.h"
#include "collector.h"
#include "memory/bound.h"
#include "memory/input.h"
#include "memory/pool.h"
#include "moonport.h"
#include "net/overload.h"
#include "open.h"
#include "run/bytecode.h"
#include "run/wait.h"
#include "run/watched.h"
#include "script/c_module.h"
#include "script/check.h"
#include "script/environment.h"
#include "script/finaliser.h"
#include "script/globals.h"
#include "script/lua_file.h"
#include "script/text.h"
#include "workers/master.h"
#include "workers/shared.h"

/* --- what the bindings ask of the program --------------------------------------------------------------- */

static void on_quit(binding_state *state) {
    program *self = state->program;
    program_quit_workers(&self->worker, state->driver->quit_status);
    program_begin_stop(&self->stop);
}

static bool on_reload(binding_state *state) {
    program *self = state->program;
    return program_want_reload(&self->reload);
}

static void on_failed(binding_state *state, const binding_generation *generation,
                      const binding_failure *failure) {
    program *self = state->program;
    program_note_failure(&self->reload.probation, generation, failure->message, failure->peer);
    if (program_is_short_of_memory(failure->message, mp_loop_now()))
        program_give_up_worker(&self->worker);
    program_keep_failure(&self->failures, mp_loop_turn_date(state->loop), generation->number, failure);
}

static void on_stats(binding_state *state, lua_State *L) {
    const program *self = state->program;
    program_add_statistics(&self->reload.report, L);
}

static const char *on_store(binding_state *state, char *path, size_t size) {
    program *self = state->program;
    if (self->worker.program)
        return program_ask_store(&self->worker, path, size);
    const char *why = program_open_store(&self->store, path, size);
    if (!why)
        snprintf(path, size, "%s", program_store_path(&self->store));
    return why;
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
                                  .store = on_store,
                                  .trim = on_trim};

/* Finalisers run while the Lua state closes, and the program can't stop again by then. */
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

static void fail_no_more(binding_state *state, const binding_generation *generation,
                         const binding_failure *failure) {
    (void)state;
    (void)generation;
    (void)failure;
}

static const char *no_store_any_more(binding_state *state,
                                     char *path, // NOLINT(readability-non-const-parameter): of binding_host
                                     size_t size) {
    (void)state;
    (void)path;
    (void)size;
    return "the program ended";
}

static void refuse_no_more(lua_State *L, const char *name) {
    luaL_error(L, "%s: the program ended", name);
}

static const binding_host ended = {.adopt = program_adopt_input,
                                   .quit = quit_no_more,
                                   .refuse = refuse_no_more,
                                   .reload = reload_no_more,
                                   .failed = fail_no_more,
                                   .stats = add_no_more,
                                   .store = no_store_any_more,
                                   .trim = on_trim};

/* MOONPORT_GC=eager in the environment, for tests. */
static bool collects_eagerly(void) {
    const char *wish = getenv("MOONPORT_GC");
    return wish && strcmp(wish, "eager") == 0;
}

/* os.exit: ends the service, but not from a generation that doesn't serve yet. Upvalue: Lua's own */
static int exit_process(lua_State *L) {
    program_refuse(L, "os.exit");
    program *self = binding_find(L)->program;
    program_give_up_compiling(&self->reload.next.slices.compiler); /* the state may be closed */
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 0);
    return 0;
}

/* debug.sethook([thread,] hook, mask, count): a hook that the program needs stays, and has no other beside
   it. Upvalue: Lua's own */
static int set_hook(lua_State *L) {
    lua_State *target = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;
    if (program_is_sliced(target) || program_is_finalising(target)) {
        if (lua_isnoneornil(L, lua_isthread(L, 1) ? 2 : 1))
            return 0;
        program_refuse(L, "debug.sethook");
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 0);
    return 0;
}

static void guard(lua_State *L, const char *library, const char *name, lua_CFunction function) {
    lua_getglobal(L, library);
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

/* --- running -------------------------------------------------------------------------------------------- */

/* program -> reference to the first generation's `moonport` */
static int open_libraries(lua_State *L) {
    program *self = lua_touserdata(L, 1);
    luaL_openlibs(L);
    guard(L, LUA_OSLIBNAME, "exit", exit_process);
    guard(L, LUA_DBLIBNAME, "sethook", set_hook);
    program_keep_standard(L);
    program_note_c_modules(L);
    program_limit_files(L);
    if (!self->options.allow_bytecode)
        binding_refuse_bytecode(L);
    program_hold_descriptor();
    binding_state *state = self->state = binding_open(L);
    program_keep_lost(L, state);
    program_bound_memory(L, self->options.max_memory);
    lua_pushinteger(L, luaL_ref(L, LUA_REGISTRYINDEX));
    program_lend_input(L, state);
    binding_limit_work(state, (unsigned)self->options.work_threads, (size_t)self->options.work_memory << 20);
    binding_allow_work_bytecode(state, self->options.allow_bytecode);
    mp_overload_set_bound(mp_network_of(state->loop), (size_t)self->options.max_buffers);
    binding_watch_coroutines(L, state);
    binding_watch_messages(L, state);
    if (self->options.workers > 0) {
        const program_options all = self->options;
        program_open_master(L, &self->options, &all);
    }
    if (self->options.store)
        program_become_store(L, &self->options);
    if (self->options.as_metrics)
        program_become_metrics(L, &self->options);
    state->watch.raises = self->options.handler_timeout > 0;
    if (collects_eagerly())
        binding_collect_eagerly(L);
    else
        binding_pace_collector(L, state);
    /* All generations share installed modules: objects that these make belong to the generation that calls
       them. */
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushnil(L);
    binding_push_module(L, state, lua_gettop(L));
    lua_setfield(L, -3, "moonport");
    lua_pop(L, 2);
    program_share_globals(L);
    state->host = &host;
    state->program = self;
    mp_loop_set_log_level(state->loop, self->options.log_level);
    return 1;
}

static void fail(program *self, const char *why) {
    program_complain(why ? why : "out of memory");
    self->failed = true;
}

static void admit(void *owner, int fd) {
    program *self = owner;
    if (self->options.workers > 0)
        program_visit_master(self->L, fd);
    else
        program_admit_visitor(&self->control, fd);
}

static void start_metrics(program *self) {
    char text[256];
    const char *why = program_start_metrics(&self->metrics, self->state, &self->options, admit, self, text,
                                            sizeof text);
    if (why)
        fail(self, why);
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
    mp_log_set_format(self->options.log_format);
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
        snprintf(why, sizeof why, "cannot watch for signals: %s", strerror(-result));
        program_complain(why);
        self->state->host = &ended;
        return 1;
    }
    program_start_log_reader(&self->log_reader, self->state->loop);
    program_watch_stop(&self->stop, &self->bell, self->state, self->options.grace, on_stop, self);
    program_watch_signals(&self->signals, &self->bell, self->state);
    if (self->options.store || self->options.as_metrics)
        program_heed_owner(NULL); /* its end isn't this process' own yet */
    program_init_reload(&self->reload, self->state, &self->options, on_first_failed, self);
    program_init_store(&self->store, self->state, &self->options);
    if (!program_start_watchdog(&self->watchdog, self->state, self->options.handler_timeout,
                                self->options.handler_kill))
        fail(self, "--handler-timeout: no timer");
    self->state->driver->looping = true;
    result = self->options.keylog ? program_log_keys(mp_network_of(self->state->loop), self->options.keylog)
                                  : 0;
    if (result == -ENOTSUP) {
        fail(self, "--keylog: this moonport was built without TLS");
    } else if (result < 0) {
        char why[300];
        snprintf(why, sizeof why, "--keylog: '%s' can't be written: %s", self->options.keylog,
                 strerror(-result));
        fail(self, why);
    }
    if (!lua_checkstack(L, BINDING_STACK))
        fail(self, NULL);
    self->started = mp_loop_now();
    const char *why = self->options.worker > 0 && !self->failed ? program_start_worker(&self->worker, self)
                                                                : NULL;
    if (why)
        fail(self, why);
    bool controlled = self->options.worker == 0 && self->options.workers == 0 && !self->options.store &&
                      !self->options.as_metrics;
    if (!self->failed)
        program_start_control(&self->control, self->state, controlled ? self->options.control : "off");
    if (!self->failed && self->options.metrics.wanted)
        start_metrics(self);
    if (!self->failed)
        program_start_script(&self->reload, &self->bell, module);
    if (!self->failed)
        mp_loop_run(self->state->loop);
    bool saved = program_close_store(&self->store);
    program_stop_metrics(&self->metrics);
    program_leave_worker(&self->worker);
    program_stop_control(&self->control);
    program_stop_drain(&self->drain);
    program_free_failures(&self->failures);
    program_stop_watchdog(&self->watchdog);
    program_stop_reload(&self->reload);
    program_unwatch_stop(&self->stop);
    program_unwatch_signals(&self->signals);
    program_stop_worker(&self->worker);
    program_stop_log_reader(&self->log_reader);
    mp_bell_stop(&self->bell);
    self->state->host = &ended;
    if (!saved && self->state->driver->quit_status == 0)
        return 1;
    return self->failed ? 1 : self->state->driver->quit_status;
}
