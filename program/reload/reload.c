/*
 * Reloading: the script is loaded as a new generation beside the one that serves, and takes over between two events, or
 * nothing changes and a line says why. With --rollback-errors the code before comes back if the new one fails too often.
 *
 * SPDX-License-Identifier: MIT
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "program.h"

#define PROBATION 10000.0    /* milliseconds that new code is on trial */
#define GIVE_WAY 100.0       /* milliseconds after which a load gives way to a newer one */
#define PROBATION_LOOK 0.050 /* seconds between two looks */
#define PROBATION_CALLS 10   /* so many calls before a share means anything */

static const char *script_name(const program *self) {
    const char *script = self->options.script ? self->options.script : "(-e)";
    const char *slash = strrchr(script, '/');
    return slash ? slash + 1 : script;
}

/* --- reports ------------------------------------------------------------------------------------------------------- */

/* Connections whose handlers older generations have set; *holder names the place of one. */
static unsigned count_older(const binding_state *state, const char **holder) {
    unsigned count = 0, most = 0;
    for (const binding_generation *it = state->generations; it; it = it->next) {
        if (it == state->current || it == state->staging)
            continue;
        count += it->sockets;
        if (it->sockets > most) {
            most = it->sockets;
            *holder = it->holder;
        }
    }
    return count;
}

static void log_success(program *self, const binding_commit *commit) {
    const char *holder = "";
    unsigned older = count_older(self->state, &holder);
    char tail[160] = "";
    if (older > 0)
        snprintf(tail, sizeof tail, ", %u with handlers of older generations (%s)", older, holder);
    mp_log(
        self->state->loop->log_level, MP_LOG_INFO,
        "reloaded %s: generation %u, %.0f ms; %u listener%s kept, %u added, %u closed; %llu connection%s%s",
        script_name(self), self->state->current->number, self->last_duration, commit->kept,
        commit->kept == 1 ? "" : "s", commit->added, commit->closed,
        (unsigned long long)self->state->loop->statistics.connections,
        self->state->loop->statistics.connections == 1 ? "" : "s", tail);
}

static void log_failure(const program *self) {
    char start[128];
    int n = snprintf(start, sizeof start, "reload of %s failed, generation %u goes on: ", script_name(self),
                     self->state->current->number);
    const char *why = self->last_error ? self->last_error : "out of memory";
    size_t length = strlen(why);
    char *text = malloc((size_t)n + length + 1);
    if (!text)
        return;
    memcpy(text, start, (size_t)n);
    memcpy(text + n, why, length + 1);
    mp_log_write(self->state->loop->log_level, MP_LOG_ERROR, text, (size_t)n + length);
    free(text);
}

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

/* self, commit or NULL -> ok, report: the arguments of onReload's function */
static int push_report(lua_State *L) {
    program *self = lua_touserdata(L, 1);
    const binding_commit *commit = lua_touserdata(L, 2);
    lua_pushboolean(L, commit != NULL);
    lua_newtable(L);
    set_integer(L, "generation", self->state->current->number);
    lua_pushnumber(L, self->last_duration);
    lua_setfield(L, -2, "duration");
    if (commit) {
        set_integer(L, "kept", commit->kept);
        set_integer(L, "added", commit->added);
        set_integer(L, "closed", commit->closed);
        set_integer(L, "connections", (lua_Integer)self->state->loop->statistics.connections);
    } else {
        lua_pushstring(L, self->last_error ? self->last_error : "out of memory");
        lua_setfield(L, -2, "error");
    }
    return 2;
}

/* Calls onReload's function: that of the code which serves now, else that of the code before. */
static void tell_script(program *self, const binding_commit *commit, int function) {
    lua_State *L = self->L;
    if (function == LUA_NOREF)
        return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, function);
    lua_pushcfunction(L, push_report);
    lua_pushlightuserdata(L, self);
    lua_pushlightuserdata(L, (void *)(uintptr_t)commit);
    if (lua_pcall(L, 2, 2, 0) != LUA_OK) {
        lua_pop(L, 2);
        return;
    }
    binding_task *task = binding_new_task(self->state, L, 2);
    if (task)
        binding_resume(task, 2);
}

/* Pushes the list of the older generations that something still belongs to. */
static void push_older(program *self, lua_State *L) {
    lua_Integer n = 0;
    lua_newtable(L);
    for (const binding_generation *it = self->state->generations; it; it = it->next) {
        if (it == self->state->current || it == self->state->staging || it->sockets + it->handlers == 0)
            continue;
        lua_newtable(L);
        set_integer(L, "generation", it->number);
        set_integer(L, "connections", it->sockets);
        set_integer(L, "handlers", it->handlers);
        lua_pushstring(L, it->holder);
        lua_setfield(L, -2, "source");
        lua_rawseti(L, -2, ++n);
    }
}

/* What stats() tells of reloads, into the table on top. */
static void add_statistics(binding_state *state, lua_State *L) {
    program *self = state->program;
    lua_newtable(L);
    set_integer(L, "generation", self->state->current->number);
    set_integer(L, "count", self->reloads);
    set_integer(L, "failures", self->reload_failures);
    set_integer(L, "resumeErrors", (lua_Integer)self->state->resume_errors);
    lua_pushnumber(L, self->last_duration);
    lua_setfield(L, -2, "duration");
    if (self->last_time > 0) {
        lua_pushnumber(L, self->last_time);
        lua_setfield(L, -2, "time");
    }
    if (self->last_error) {
        lua_pushstring(L, self->last_error);
        lua_setfield(L, -2, "lastError");
    }
    push_older(self, L);
    lua_setfield(L, -2, "older");
    lua_setfield(L, -2, "reload");
}

/* --- probation ----------------------------------------------------------------------------------------------------- */

static double share(uint64_t errors, uint64_t calls) {
    return calls > 0 ? 100.0 * (double)errors / (double)calls : 0;
}

static void end_probation(program *self) {
    ev_timer_stop(self->state->loop->ev, &self->probation);
    luaL_unref(self->L, LUA_REGISTRYINDEX, self->previous_environment);
    self->previous_environment = LUA_NOREF;
}

static void on_probation(struct ev_loop *ev, ev_timer *timer, int revents) {
    program *self = timer->data;
    const binding_generation *now = self->state->current;
    (void)ev;
    (void)revents;
    if (now->calls >= PROBATION_CALLS && share(now->errors, now->calls) > self->options.rollback_errors &&
        share(self->probation_errors, self->probation_calls) <= self->options.rollback_errors) {
        mp_log(
            self->state->loop->log_level, MP_LOG_ERROR,
            "generation %u: %llu of %llu handler calls failed; going back to the code before. The first error: %s",
            now->number, (unsigned long long)now->errors, (unsigned long long)now->calls,
            now->first_error ? now->first_error : "unknown");
        self->restore_wanted = true;
        self->reload_wanted = true;
        ev_timer_stop(self->state->loop->ev, &self->probation);
        ev_timer_start(self->state->loop->ev, &self->reload_turn);
    } else if (mp_loop_now() > self->probation_ends) {
        end_probation(self);
    }
}

static void begin_probation(program *self, int previous_environment, uint64_t calls, uint64_t errors) {
    end_probation(self);
    if (self->options.rollback_errors < 0 || self->load.restores) {
        luaL_unref(self->L, LUA_REGISTRYINDEX, previous_environment);
        return;
    }
    self->previous_environment = previous_environment;
    self->probation_calls = calls;
    self->probation_errors = errors;
    self->probation_ends = mp_loop_now() + PROBATION;
    ev_timer_set(&self->probation, PROBATION_LOOK, PROBATION_LOOK);
    ev_timer_start(self->state->loop->ev, &self->probation);
}

/* --- the steps ------------------------------------------------------------------------------------------------------- */

static void note_outcome(program *self) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    self->last_time = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    self->last_duration = mp_loop_now() - self->load.started;
    ev_timer_stop(self->state->loop->ev, &self->reload_timeout);
}

static void commit(program *self) {
    binding_generation *old = self->state->current;
    binding_commit report = {0};
    int old_environment = self->environment;
    uint64_t calls = old->calls, errors = old->errors;
    int function = old->on_reload;
    binding_reference(old);
    self->environment = self->load.environment;
    self->load.environment = LUA_NOREF;
    binding_commit_generation(self->load.generation, &report);
    note_outcome(self);
    self->reloads++;
    log_success(self, &report);
    if (self->state->current->on_reload != LUA_NOREF)
        function = self->state->current->on_reload;
    begin_probation(self, old_environment, calls, errors);
    tell_script(self, &report, function);
    binding_unreference(old);
    program_end_load(self);
    if (self->watch)
        program_update_watch(self);
}

static void fail(program *self) {
    if (self->load.generation)
        binding_rollback_generation(self->load.generation);
    note_outcome(self);
    free(self->last_error);
    self->last_error = strdup(self->load.error ? self->load.error : "unknown");
    if (self->watch)
        program_update_watch(self); /* the files of the failed version too: it may be mended there */
    luaL_unref(self->L, LUA_REGISTRYINDEX, self->load.environment);
    self->reload_failures++;
    log_failure(self);
    program_end_load(self);
    tell_script(self, NULL, self->state->current->on_reload);
}

static void begin(program *self) {
    struct ev_loop *ev = self->state->loop->ev;
    bool restores = self->restore_wanted && self->previous_environment != LUA_NOREF;
    self->reload_wanted = self->restore_wanted = false;
    ev_timer_set(&self->reload_timeout, self->options.reload_timeout / 1000.0, 0.);
    ev_timer_start(ev, &self->reload_timeout);
    bool begun = program_begin_load(self, restores ? self->previous_environment : LUA_NOREF);
    self->load.restores = restores;
    if (!begun)
        program_load_ended(self);
}

/* Whether the version that is loaded may take over; if not, why is noted. */
static bool may_commit(program *self) {
    const char *why = NULL;
    if (!self->load.succeeded || self->load.timed_out)
        return false;
    if (self->stopping)
        why = "the program is stopping";
    else if (binding_has_lost_listener(self->load.generation))
        why = "a listener that it asked for was closed meanwhile";
    if (!why)
        return true;
    free(self->load.error);
    self->load.error = strdup(why);
    return false;
}

/* The main chunk of the first run still waits: it goes on as any task of its run does, until newer code takes over. */
static void let_first_go_on(program *self) {
    self->environment = self->load.environment;
    program_end_load(self);
}

/* Between two events: nothing is being delivered, and nothing waits to be. */
static void on_reload_turn(struct ev_loop *ev, ev_timer *timer, int revents) {
    program *self = timer->data;
    mp_loop *loop = self->state->loop;
    (void)revents;
    mp_loop_settle(loop);
    if (loop->event_count > 0) {
        ev_timer_start(ev, timer);
        return;
    }
    if (self->load.ended) {
        if (may_commit(self))
            commit(self);
        else
            fail(self);
        mp_loop_settle(loop);
    }
    if (self->reload_wanted && self->load.generation == self->state->current && !self->stopping)
        let_first_go_on(self);
    if (self->reload_wanted && !self->load.generation && !self->stopping)
        begin(self);
}

void program_load_ended(program *self) {
    if (self->load.generation != self->state->current)
        ev_timer_start(self->state->loop->ev, &self->reload_turn);
}

static void on_reload_timeout(struct ev_loop *ev, ev_timer *timer, int revents) {
    program *self = timer->data;
    (void)ev;
    (void)revents;
    if (!self->load.task)
        return;
    self->load.timed_out = true;
    if (self->load.task->suspended) {
        program_note_late(self, self->load.task->co);
        binding_cancel(self->load.task); /* one that runs is ended by its hook */
    }
    mp_loop_settle(self->state->loop);
}

static void on_slice(struct ev_loop *ev, ev_idle *idle, int revents) {
    (void)revents;
    ev_idle_stop(ev, idle);
    program_go_on_loading(idle->data);
}

static bool want_reload(binding_state *state) {
    return program_want_reload(state->program);
}

bool program_want_reload(program *self) {
    if (!self->options.script || strcmp(self->options.script, "-") == 0 || self->stopping)
        return false;
    self->reload_wanted = true;
    /* A main chunk that takes its time gives way to what is newer than it. */
    if (self->load.task && self->load.generation->staging) {
        struct ev_loop *ev = self->state->loop->ev;
        double left = self->load.started + GIVE_WAY - mp_loop_now();
        ev_timer_stop(ev, &self->reload_timeout);
        ev_timer_set(&self->reload_timeout, left > 0 ? left / 1000.0 : 0, 0.);
        ev_timer_start(ev, &self->reload_timeout);
        self->load.superseded = true;
        return true;
    }
    ev_timer_start(self->state->loop->ev, &self->reload_turn);
    return true;
}

void program_init_reload(program *self) {
    ev_timer_init(&self->reload_turn, on_reload_turn, 0., 0.);
    ev_timer_init(&self->reload_timeout, on_reload_timeout, 0., 0.);
    ev_timer_init(&self->probation, on_probation, 0., 0.);
    ev_idle_init(&self->slicer, on_slice);
    ev_set_priority(&self->slicer, EV_MAXPRI);
    self->reload_turn.data = self->reload_timeout.data = self->probation.data = self->slicer.data = self;
    self->environment = self->previous_environment = self->load.environment = LUA_NOREF;
    self->state->on_reload = want_reload;
    self->state->on_stats = add_statistics;
}

void program_stop_reload(program *self) {
    struct ev_loop *ev = self->state->loop->ev;
    ev_timer_stop(ev, &self->reload_turn);
    ev_timer_stop(ev, &self->reload_timeout);
    ev_timer_stop(ev, &self->probation);
    ev_idle_stop(ev, &self->slicer);
    free(self->last_error);
    program_end_load(self);
}
