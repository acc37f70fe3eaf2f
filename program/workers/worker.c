/*
 * Workers; see worker.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "workers/worker.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/lent.h"
#include "object/generation.h"
#include "operate/commands.h"
#include "run.h"
#include "signals.h"
#include "signal/system_signal.h"
#include "system/interrupt.h"
#include "system/service.h"
#include "system/system.h"
#include "workers/shared.h"
#include "workers/sources.h"

#define FIRST_WORD 30000.0 /* milliseconds that the master has to give the sources */
#define MOST_ERROR 16384   /* bytes of an error that the others get */
#define LAST_SECONDS 2     /* behind --grace, for a worker without a master */

static const char no_master[] = "--as-worker: there is no master";
static const char no_room[] = "the sources: there is not enough memory, or no descriptor is free";

static program_worker *worker_of(const program_reload *reload) {
    return &((program *)reload->state->program)->worker;
}

/* --- reloads -------------------------------------------------------------------------------------------- */

static bool on_wanted(program_reload *reload, bool back) {
    program_worker *self = worker_of(reload);
    return program_send_message(&self->channel, -1, back ? "rollback" : "reload");
}

/* Says so, and adds the sources that the others don't have. -> false: there is no room for these */
static bool report(program_worker *self, const char *what, int environment) {
    int fd = program_pack_sources(self->program->L, environment);
    if (fd < 0 && fd != -ENODATA)
        return false;
    (void)program_send_message(&self->channel, fd, "%s %d", what, fd >= 0);
    if (fd >= 0)
        mp_system_close(fd);
    return true;
}

static int serving_environment(const program_reload *reload) {
    return program_environment_of(reload, reload->state->generations.current->number);
}

static void on_serves(program_reload *reload) {
    program_worker *self = worker_of(reload);
    if (report(self, "serving", serving_environment(reload)))
        return;
    mp_log(reload->state->loop->log_level, MP_LOG_WARNING, "%s, to keep the sources", no_room);
    (void)program_send_message(&self->channel, -1, "serving 0");
}

static const char *on_ready(program_reload *reload) {
    return report(worker_of(reload), "ready", reload->next.environment) ? NULL : no_room;
}

static void on_loaded(program_reload *reload) {
    program_worker *self = worker_of(reload);
    int fd = program_pack_sources(self->program->L, serving_environment(reload));
    if (fd < 0)
        return;
    (void)program_send_message(&self->channel, fd, "loaded %u", reload->state->generations.current->number);
    mp_system_close(fd);
}

static void on_gave_up(program_reload *reload) {
    const char *why = reload->report.last_error ? reload->report.last_error : "out of memory";
    char *word = program_to_word(why, strlen(why), MOST_ERROR);
    (void)program_send_message(&worker_of(reload)->channel, -1, "failed %s", word ? word : "%");
    free(word);
}

static void on_committed(program_reload *reload) {
    const program_reload_result *result = &reload->report.result;
    char *holder = program_to_word(result->holder, strlen(result->holder), MOST_ERROR);
    (void)program_send_message(&worker_of(reload)->channel, -1, "committed %u %u %u %llu %u %s",
                               result->commit.kept, result->commit.added, result->commit.closed,
                               result->connections, result->older, holder ? holder : "%");
    free(holder);
}

/* The others have the new code: this process begins anew, with that. */
static void on_stuck(program_reload *reload, const char *why) {
    mp_log(reload->state->loop->log_level, MP_LOG_ERROR, "reload: %s; the worker is started again", why);
    mp_system_exit(1);
}

static const program_reload_master reload_master = {.wanted = on_wanted,
                                                    .serves = on_serves,
                                                    .ready = on_ready,
                                                    .gave_up = on_gave_up,
                                                    .committed = on_committed,
                                                    .loaded = on_loaded,
                                                    .stuck = on_stuck};

/* --- messages ------------------------------------------------------------------------------------------- */

static unsigned number_of(const char *word) {
    return (unsigned)strtoul(word, NULL, 10);
}

/* Sources for what comes next. */
static void on_sources(program_worker *self, program_message *message) {
    int fd = message->fd;
    message->fd = -1;
    if (fd < 0 || program_unpack_sources(self->program->L, &self->sources, fd) < 0)
        self->lost = true;
}

/* -> a reference to what it has been given, or LUA_NOREF; it has nothing any more */
static int take_sources(program_worker *self) {
    int sources = self->sources;
    self->sources = LUA_NOREF;
    self->lost = false;
    return sources;
}

static void on_stage(program_worker *self, program_message *message) {
    program_reload *reload = &self->program->reload;
    bool lost = self->lost;
    int sources = take_sources(self);
    if (!lost) {
        program_stage_reload(reload, number_of(message->words[1]), sources,
                             strcmp(message->words[2], "back") == 0);
        return;
    }
    luaL_unref(self->program->L, LUA_REGISTRYINDEX, sources);
    reload->report.silent = false;
    program_refuse_reload(reload, no_room);
    on_gave_up(reload);
}

/* Another worker has loaded a module. */
static void on_sources_of_others(program_worker *self, program_message *message) {
    program_reload *reload = &self->program->reload;
    int fd = message->fd, environment = program_environment_of(reload, number_of(message->words[1]));
    message->fd = -1;
    if (fd >= 0 && environment != LUA_NOREF)
        (void)program_unpack_sources(self->program->L, &environment, fd); /* or it reads the file itself */
    else if (fd >= 0)
        mp_system_close(fd);
    program_note_sources(reload);
}

static void on_commit(program_worker *self, program_message *message) {
    (void)message;
    program_decide_reload(&self->program->reload, NULL);
}

static void on_give_up(program_worker *self, program_message *message) {
    program_from_word(message->words[1]);
    program_decide_reload(&self->program->reload, message->words[1]);
}

static void on_stop(program_worker *self, program_message *message) {
    (void)message;
    if (!binding_signal_raised(self->program->state, SIGTERM))
        program_begin_stop(&self->program->stop);
}

static void on_end(program_worker *self, program_message *message) {
    (void)message;
    program_begin_stop(&self->program->stop);
}

static void on_signal(program_worker *self, program_message *message) {
    (void)binding_signal_raised(self->program->state, (int)number_of(message->words[1]));
}

static void on_hang_up(program_worker *self, program_message *message) {
    program_hang_up(&self->program->reload, number_of(message->words[1]) > 0);
    (void)program_send_message(&self->channel, -1, "hungup");
}

static void on_ping(program_worker *self, program_message *message) {
    (void)message;
    (void)program_send_message(&self->channel, -1, "pong");
}

static void on_lend(program_worker *self, program_message *message) {
    int fd = message->fd;
    message->fd = -1;
    if (fd >= 0)
        (void)mp_network_lend_listener(mp_network_of(self->program->state->loop),
                                       strtoull(message->words[1], NULL, 10), fd);
}

static void on_unlend(program_worker *self, program_message *message) {
    mp_network_end_loan(mp_network_of(self->program->state->loop), strtoull(message->words[1], NULL, 10));
}

static void on_visit(program_worker *self, program_message *message) {
    int fd = message->fd;
    message->fd = -1;
    if (fd >= 0)
        program_admit_visitor(&self->program->control, fd);
}

static void on_leave(program_worker *self, program_message *message) {
    (void)message;
    self->leaves = true;
    program_drain_now(self->program);
}

static void on_drain(program_worker *self, program_message *message) {
    (void)message;
    program_drain_now(self->program);
}

static const struct {
    const char *name;
    unsigned words; /* with itself */
    void (*received)(program_worker *self, program_message *message);
} table[] = {{"stage", 3, on_stage}, {"commit", 1, on_commit},   {"giveup", 2, on_give_up},
             {"stop", 1, on_stop},   {"end", 1, on_end},         {"signal", 2, on_signal},
             {"ping", 1, on_ping},   {"lend", 2, on_lend},       {"unlend", 2, on_unlend},
             {"visit", 1, on_visit}, {"drain", 1, on_drain},     {"hangup", 2, on_hang_up},
             {"leave", 1, on_leave}, {"sources", 1, on_sources}, {"loaded", 2, on_sources_of_others}};

static void on_received(program_channel *channel, program_message *message) {
    program_worker *self = channel->owner;
    for (size_t i = 0; i < sizeof table / sizeof *table && message->count > 0; i++)
        if (strcmp(message->words[0], table[i].name) == 0 && message->count == table[i].words) {
            table[i].received(self, message);
            break;
        }
    program_free_message(message);
}

/* --- without a master ----------------------------------------------------------------------------------- */

static unsigned last_seconds; /* that a worker has when its master is gone */

/* The master is gone. The loop learns of that too, if it turns; otherwise the alarm ends the process. */
static void on_parting(int number) {
    (void)number;
    mp_system_end_in(last_seconds);
}

static void on_parted(program_channel *channel) {
    program_worker *self = channel->owner;
    program *owner = self->program;
    if (owner->stop.stage != STOP_NOT_BEGUN)
        mp_system_exit(128 + SIGTERM); /* the master was told twice */
    mp_log(owner->state->loop->log_level, MP_LOG_ERROR, "the master is gone: stopping");
    mp_system_end_in(last_seconds);
    program_begin_stop(&owner->stop);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static bool is_first(const program_message *message, const void *context) {
    (void)context;
    return message->count == 3 && strcmp(message->words[0], "start") == 0;
}

static bool is_sources(const program_message *message, const void *context) {
    (void)context;
    return message->count == 1 && strcmp(message->words[0], "sources") == 0;
}

const char *program_start_worker(program_worker *self, program *owner) {
    binding_state *state = owner->state;
    const program_options *options = &owner->options;
    self->program = owner;
    self->sources = LUA_NOREF;
    snprintf(self->name, sizeof self->name, "%d", options->worker);
    mp_log_set_source(self->name);
    mp_system_inherit_service();
    last_seconds = (unsigned)ceil(fmin(options->grace, 1e8) / 1e3) + LAST_SECONDS;
    program_heed_owner(on_parting);
    if (program_open_channel(&self->channel, options->channel) < 0)
        return no_master;
    program_message *first = program_await_message(&self->channel, is_first, NULL, FIRST_WORD);
    if (!first)
        return no_master;
    state->worker = (unsigned)options->worker;
    state->workers = (unsigned)options->worker_count;
    state->generations.current->number = number_of(first->words[1]);
    state->generations.count = number_of(first->words[2]);
    owner->reload.master = &reload_master;
    program_free_message(first);
    for (program_message *it; (it = program_await_message(&self->channel, is_sources, NULL, 0));) {
        on_sources(self, it); /* they came before the first word */
        program_free_message(it);
    }
    if (self->lost)
        return no_room;
    owner->reload.given = take_sources(self);
    program_share_sockets(mp_network_of(state->loop));
    program_listen_to_channel(&self->channel, state->loop, on_received, on_parted, self);
    return NULL;
}

void program_leave_worker(program_worker *self) {
    if (self->program && !self->program->failed && self->program->stop.stage == STOP_NOT_BEGUN)
        (void)program_send_message(&self->channel, -1, "done");
}

void program_quit_workers(program_worker *self, int status) {
    if (self->program)
        (void)program_send_message(&self->channel, -1, "quit %d", status);
}

void program_give_up_worker(program_worker *self) {
    if (self->program)
        (void)program_send_message(&self->channel, -1, "full");
}

void program_stop_worker(program_worker *self) {
    if (!self->program)
        return;
    mp_network_of(self->program->state->loop)->source = NULL;
    program_close_channel(&self->channel);
}
