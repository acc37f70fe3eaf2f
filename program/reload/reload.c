/*
 * Reloading; see reload.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reload/reload.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "generation/succession.h"
#include "generation/udp.h"
#include "net/tcp_server.h"
#include "object/endpoint.h"
#include "script/c_module.h"
#include "script/environment.h"
#include "script/globals.h"
#include "script/staged.h"
#include "signal/system_signal.h"

#define GIVE_WAY 100.0 /* milliseconds after which a load gives way to a newer one */

/* --- the steps ------------------------------------------------------------------------------------------ */

static void on_timeout(mp_delay *timeout) {
    program_cut_load(&MP_CONTAINER(timeout, program_reload, timeout)->next, NULL);
}

static void set_timeout(program_reload *self, double msec, void (*over)(mp_delay *timeout)) {
    mp_delay_stop(&self->timeout, self->state->loop);
    mp_delay_start(&self->timeout, self->state->loop, msec, over);
}

static int serving_environment(const program_reload *self) {
    return self->environment == LUA_NOREF ? self->first.environment : self->environment;
}

static void update_watch(program_reload *self) {
    if (self->options->worker > 1) /* the first watches for all */
        return;
    program_update_watch(&self->watch, self->state->L, serving_environment(self), self->next.environment);
}

void program_note_sources(program_reload *self) {
    if (self->options->worker <= 1)
        program_watch_more(&self->watch, self->state->L, serving_environment(self));
}

static void on_late_module(mp_soon *soon) {
    program_reload *self = MP_CONTAINER(soon, program_reload, late.soon);
    if (self->stage >= RELOAD_LOADING)
        return; /* its end looks at all modules */
    program_note_sources(self);
    if (self->master)
        self->master->loaded(self);
}

/* The load, which ended or continues without us, is now that of the serving generation. */
static int take_environment(program_load *load) {
    int environment = load->environment;
    load->environment = LUA_NOREF;
    return environment;
}

static void end_next(program_reload *self) {
    mp_delay_stop(&self->timeout, self->state->loop);
    luaL_unref(self->state->L, LUA_REGISTRYINDEX, self->next.environment);
    program_end_load(&self->next);
    self->restores = false;
    self->stage = self->first.generation == self->state->generations.current && self->first.task
                      ? RELOAD_FIRST
                      : RELOAD_NONE;
}

void program_prepare_reload(program_reload *self) {
    assert(self->stage < RELOAD_LOADING && !self->next.task && !self->closed);
    int from = self->master            ? self->given
               : self->restore_wanted  ? self->probation.environment
               : self->rollback_wanted ? self->previous
                                       : LUA_NOREF;
    self->restores = self->master ? self->restore_wanted : from != LUA_NOREF;
    self->wanted = self->restore_wanted = self->rollback_wanted = false;
    self->stage = RELOAD_LOADING;
    program_warn_of_c_modules(self->state->L, self->state->loop->log_level);
    set_timeout(self, self->options->reload_timeout, on_timeout);
    program_load_next(&self->next, from);
}

void program_commit_reload(program_reload *self) {
    assert(self->stage == RELOAD_READY && self->next.outcome == LOAD_SUCCEEDED);
    binding_generation *old = self->state->generations.current, *new = self->next.generation;
    binding_commit report = {0};
    int before = self->environment;
    uint64_t calls = old->calls, errors = old->errors;
    int function = old->on_reload;
    self->stage = RELOAD_COMMITTING;
    binding_reference(old);
    luaL_unref(self->state->L, LUA_REGISTRYINDEX, self->previous);
    self->previous = program_refer_to_sources(self->state->L, self->environment);
    self->environment = take_environment(&self->next);
    binding_commit_generation(new, &report);
    program_serve_globals(self->state->L, new->number);
    program_keep_globals(self->state->L);
    program_report_success(&self->report, self->next.started, &report);
    program_renew_failures(&self->probation);
    if (self->options->rollback_errors >= 0 && !self->restores) {
        program_begin_probation(&self->probation, before, calls, errors);
        self->restore_wanted = false; /* it watched for the previous code */
    } else {
        program_end_probation(&self->probation);
        luaL_unref(self->state->L, LUA_REGISTRYINDEX, before);
    }
    if (self->state->generations.current->on_reload != LUA_NOREF)
        function = self->state->generations.current->on_reload;
    program_tell_of_reload(&self->report, &report, function);
    binding_unreference(old);
    end_next(self);
    update_watch(self);
}

void program_give_up_reload(program_reload *self, const char *why) {
    assert((self->stage == RELOAD_LOADING || self->stage == RELOAD_READY) && !self->next.task);
    if (self->next.generation)
        binding_rollback_generation(self->next.generation);
    update_watch(self); /* also the files of the code that failed: the mistake may be corrected there */
    program_report_failure(&self->report, self->next.started, why ? why : self->next.error,
                           why ? strlen(why) : self->next.message);
    end_next(self);
    program_tell_of_reload(&self->report, NULL, self->state->generations.current->on_reload);
}

/* Why a loaded generation may not take over, or NULL. Opens the new listeners last: clients can connect to
   them from then on. */
static const char *why_not(program_reload *self) {
    mp_tcp_server *server = NULL;
    enum mp_fault fault = MP_FAULT_NONE;
    if (self->closed)
        return "the program is stopping";
    if (binding_has_lost_listener(self->next.generation) || binding_has_lost_udp(self->next.generation))
        return "a listener that it asked for was closed meanwhile";
    uint16_t port;
    if (!binding_open_udp_sockets(self->next.generation, &port, &fault)) {
        snprintf(self->why, sizeof self->why, "bind to port %u: %s", port, mp_fault_text(fault));
        return self->why;
    }
    if (binding_open_listeners(self->next.generation, &server, &fault))
        return NULL;
    char place[BINDING_PLACE];
    snprintf(self->why, sizeof self->why, "listen %s: %s", binding_place(place, server),
             mp_fault_text(fault));
    return self->why;
}

/* The first main chunk waits. It continues like any task of its run, until newer code takes over. */
static void let_first_go_on(program_reload *self) {
    if (self->stage == RELOAD_FIRST)
        self->environment = take_environment(&self->first);
}

static const char refused[] = "another worker has failed";

/* The load of the next generation ended. */
static void end_loading(program_reload *self) {
    bool succeeded = self->next.outcome == LOAD_SUCCEEDED;
    const char *why = succeeded && !self->master ? why_not(self) : NULL;
    if (self->decision == RELOAD_REFUSED && !why)
        why = refused;
    if (succeeded && !why && self->master)
        why = self->master->ready(self);
    if (!succeeded || why) {
        program_give_up_reload(self, why);
        if (self->master)
            self->master->gave_up(self);
        return;
    }
    self->stage = RELOAD_READY;
}

static void take_over(program_reload *self) {
    const char *why = self->master ? why_not(self) : NULL;
    if (why) {
        self->master->stuck(self, why);
        return;
    }
    program_commit_reload(self);
    if (self->master)
        self->master->committed(self);
}

/* Between two events: nothing is delivered or queued. */
static void on_turn(mp_soon *turn) {
    program_reload *self = MP_CONTAINER(turn, program_reload, turn);
    mp_loop *loop = self->state->loop;
    mp_loop_settle(loop);
    if (!mp_loop_is_settled(loop)) {
        mp_soon_start(turn, loop, on_turn);
        return;
    }
    if (self->stage == RELOAD_LOADING && self->next.outcome != LOAD_RUNS) {
        end_loading(self);
    }
    if (self->stage == RELOAD_READY && (!self->master || self->decision == RELOAD_AGREED))
        take_over(self);
    mp_loop_settle(loop);
    if (self->wanted && !self->closed && self->stage < RELOAD_LOADING) {
        let_first_go_on(self);
        program_prepare_reload(self);
    }
}

static void on_next_ended(program_load *load) {
    program_reload *self = load->owner;
    mp_soon_start(&self->turn, self->state->loop, on_turn);
}

static void on_first_ended(program_load *load) {
    program_reload *self = load->owner;
    if (load->outcome == LOAD_FAILED) {
        self->closed = true;
        self->failed(self, load->error);
    } else if (self->stage == RELOAD_FIRST) {
        self->environment = take_environment(load);
        self->stage = RELOAD_NONE;
        update_watch(self);
        if (self->master)
            self->master->serves(self);
    }
}

/* --- wishes --------------------------------------------------------------------------------------------- */

static void on_give_way(mp_delay *timeout) {
    program_cut_load(&MP_CONTAINER(timeout, program_reload, timeout)->next, "given up for newer code");
}

bool program_want_reload(program_reload *self) {
    const char *script = self->options->script;
    if (!script || strcmp(script, "-") == 0 || self->closed)
        return false;
    if (self->master)
        return self->master->wanted(self, false);
    self->wanted = true;
    if (self->stage == RELOAD_LOADING && self->next.task) {
        /* A slow main chunk gives way to newer code. */
        double left = self->next.started + GIVE_WAY - mp_loop_now();
        set_timeout(self, left > 0 ? left : 0, on_give_way);
    } else {
        mp_soon_start(&self->turn, self->state->loop, on_turn);
    }
    return true;
}

bool program_want_rollback(program_reload *self) {
    if (self->master)
        return !self->closed && self->master->wanted(self, true);
    if (self->previous == LUA_NOREF || self->closed)
        return false;
    self->rollback_wanted = true;
    return program_want_reload(self);
}

/* --- in a worker ---------------------------------------------------------------------------------------- */

void program_stage_reload(program_reload *self, unsigned number, int given, bool back) {
    if (self->closed || self->stage >= RELOAD_LOADING)
        return;
    luaL_unref(self->state->L, LUA_REGISTRYINDEX, self->given);
    self->given = given;
    self->wanted = true;
    self->decision = RELOAD_OPEN;
    self->report.silent = false;
    self->restore_wanted = back;
    self->state->generations.count = number - 1;
    mp_soon_start(&self->turn, self->state->loop, on_turn);
}

int program_environment_of(const program_reload *self, unsigned number) {
    const binding_generation *next = self->next.generation;
    if (next && next->number == number)
        return self->next.environment;
    return self->state->generations.current->number == number ? serving_environment(self) : LUA_NOREF;
}

void program_refuse_reload(program_reload *self, const char *why) {
    program_report_failure(&self->report, mp_loop_now(), why, strlen(why));
    program_tell_of_reload(&self->report, NULL, self->state->generations.current->on_reload);
}

void program_decide_reload(program_reload *self, const char *why) {
    bool staged = self->stage == RELOAD_READY || self->stage == RELOAD_LOADING;
    self->decision = why ? RELOAD_REFUSED : RELOAD_AGREED;
    self->report.silent = true;
    self->wanted = false;
    if (self->stage == RELOAD_LOADING && why && self->next.task)
        program_cut_load(&self->next, refused);
    else if (self->stage == RELOAD_READY && why)
        program_give_up_reload(self, why);
    else if (why && !staged)
        program_refuse_reload(self, why);
    mp_soon_start(&self->turn, self->state->loop, on_turn);
}

static void on_certificates_refreshed(void *owner) {
    program_reload *self = owner;
    if (!program_want_reload(self) && !self->closed)
        mp_log(self->state->loop->log_level, MP_LOG_WARNING, "reload: there is no script file to load");
}

void program_hang_up(program_reload *self, bool reloads) {
    if (!binding_signal_raised(self->state, SIGHUP))
        program_refresh_certificates(&self->certificates, reloads);
}

static void on_hangup(mp_interrupt *hangup) {
    program_hang_up(MP_CONTAINER(hangup, program_reload, hangup), true);
}

static void on_files_changed(program_watch *watch, program_changes changes) {
    program_reload *self = watch->owner;
    if (changes.tls)
        program_refresh_certificates(&self->certificates, changes.script);
    else
        (void)program_want_reload(self);
}

static void on_probation_failed(program_probation *probation) {
    program_reload *self = probation->owner;
    if (self->master) {
        (void)self->master->wanted(self, true);
        return;
    }
    self->restore_wanted = true;
    (void)program_want_reload(self);
}

/* --- beginning and end ---------------------------------------------------------------------------------- */

void program_init_reload(program_reload *self, binding_state *state, const program_options *options,
                         void (*failed)(program_reload *reload, const char *error), void *owner) {
    *self = (program_reload){.state = state,
                             .options = options,
                             .environment = LUA_NOREF,
                             .previous = LUA_NOREF,
                             .given = LUA_NOREF,
                             .failed = failed,
                             .owner = owner};
    self->late = (program_late_modules){.loop = state->loop, .run = on_late_module};
    program_init_load(&self->first, state, options, &self->late, on_first_ended, self);
    program_init_load(&self->next, state, options, &self->late, on_next_ended, self);
    program_init_probation(&self->probation, state, options->rollback_errors, on_probation_failed, self);
    program_init_report(&self->report, state, options->script);
}

void program_start_script(program_reload *self, mp_bell *bell, int module) {
    if (!self->master && !self->options->store)
        mp_interrupt_start(&self->hangup, bell, SIGHUP, on_hangup);
    if (self->options->watch)
        program_start_watch(&self->watch, self->state->loop, on_files_changed, self);
    if (!program_start_certificates(&self->certificates, mp_network_of(self->state->loop),
                                    self->options->watch ? &self->watch : NULL, on_certificates_refreshed,
                                    self))
        mp_log(self->state->loop->log_level, MP_LOG_WARNING,
               "--watch: out of memory: no certificate is watched");
    self->stage = RELOAD_FIRST;
    program_load_first(&self->first, module, self->given);
    if (self->stage != RELOAD_FIRST ||
        self->closed) /* otherwise it waits; the files that it has loaded may change already */
        return;
    update_watch(self);
    if (self->master)
        self->master->serves(self);
}

void program_close_reload(program_reload *self) {
    self->closed = true;
}

void program_stop_reload(program_reload *self) {
    mp_soon_stop(&self->turn);
    mp_soon_stop(&self->late.soon);
    mp_delay_stop(&self->timeout, self->state->loop);
    if (!self->master)
        mp_interrupt_stop(&self->hangup);
    program_stop_certificates(&self->certificates);
    program_stop_watch(&self->watch);
    program_end_probation(&self->probation);
    program_free_report(&self->report);
    program_end_load(&self->first);
    program_end_load(&self->next);
}
