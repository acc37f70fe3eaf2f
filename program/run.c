/*
 * Running: the libraries, then the first generation, until nothing is left that could cause an event.
 *
 * SPDX-License-Identifier: MIT
 */
#include "module.h"
#include "lualib.h"
#include "program.h"

static void trim(void) {
    program_trim_pool();
    program_trim_input();
}

static int open_libraries(lua_State *L) {
    program *self = lua_touserdata(L, 1);
    luaL_openlibs(L);
    program_keep_standard(L);
    self->state = binding_open(L);
    self->module = luaL_ref(L, LUA_REGISTRYINDEX);
    program_lend_input(L, self->state);
    binding_pace_collector(L, self->state);
    /* Installed modules are shared by all generations: what they make belongs to the one that calls them. */
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushnil(L);
    binding_push_module(L, self->state, lua_gettop(L));
    lua_setfield(L, -3, "moonport");
    self->state->hosted = true;
    self->state->on_trim = trim;
    self->state->loop->log_level = self->options.log_level;
    return 0;
}

/* Has the first main chunk ended, at once or after it has waited? If it has failed, so has the program. */
static void on_first_turn(struct ev_loop *ev, ev_prepare *prepare, int revents) {
    program *self = prepare->data;
    (void)revents;
    bool reloaded = self->state->generation_count > 1; /* while it waited */
    if (!self->load.ended && !reloaded)
        return;
    ev_prepare_stop(ev, prepare);
    if (reloaded)
        return;
    if (self->load.succeeded) {
        self->environment = self->load.environment;
        self->load.environment = LUA_NOREF;
        program_end_load(self);
        if (self->watch)
            program_update_watch(self);
        return;
    }
    program_complain(self->load.error ? self->load.error : "out of memory");
    self->failed = true;
    ev_break(ev, EVBREAK_ALL);
}

int program_run(program *self) {
    lua_State *L = self->L;
    ev_prepare first;
    lua_pushcfunction(L, open_libraries);
    lua_pushlightuserdata(L, self);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        program_complain(lua_tostring(L, -1));
        return 1;
    }
    if (self->options.check)
        return program_check(self);
    program_watch_signals(self);
    if (!program_start_watchdog(self)) {
        program_complain("--handler-timeout: no timer");
        self->failed = true;
    }
    program_init_reload(self);
    self->state->looping = true;
    if (!lua_checkstack(L, BINDING_STACK)) {
        program_complain("out of memory");
        self->failed = true;
    }
    if (self->options.watch && !program_start_watch(self)) {
        program_complain("--watch: this system can't watch files");
        self->failed = true;
    }
    ev_prepare_init(&first, on_first_turn);
    first.data = self;
    ev_set_priority(&first, EV_MAXPRI);
    ev_prepare_start(self->state->loop->ev, &first);
    if (!self->failed) {
        (void)program_begin_load(self, LUA_NOREF);
        on_first_turn(self->state->loop->ev, &first, 0);
        if (self->watch && !self->load.ended && self->load.generation)
            program_update_watch(self); /* it waits; what it has loaded may be changed already */
    }
    if (!self->failed)
        mp_loop_run(self->state->loop);
    ev_prepare_stop(self->state->loop->ev, &first);
    program_stop_watchdog(self);
    program_stop_watch(self);
    program_stop_reload(self);
    program_unwatch_signals(self);
    return self->failed ? 1 : self->state->quit_status;
}
