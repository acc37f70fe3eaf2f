/*
 * Workers; see worker.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "workers/worker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "net/lent.h"
#include "object/generation.h"
#include "operate/commands.h"
#include "run.h"
#include "signal/system_signal.h"
#include "system/interrupt.h"
#include "system/service.h"
#include "system/system.h"
#include "workers/shared.h"
#include "workers/sources.h"

#define FIRST_WORD 30000.0 /* milliseconds that the master has to give the sources */
#define MOST_ERROR 16384   /* bytes of an error that the others get */
#define LAST_SECONDS 2     /* behind --grace, for a worker without a master */

static program_worker *worker_of(const program_reload *reload) {
    return &((program *)reload->state->program)->worker;
}

/* --- reloads -------------------------------------------------------------------------------------------- */

static bool on_wanted(program_reload *reload, bool back) {
    program_worker *self = worker_of(reload);
    return program_send_message(&self->channel, -1, back ? "rollback" : "reload");
}

/* Says that the generation in this environment is there, and adds its sources if the master doesn't have all
   of them. */
static void report(program_worker *self, const char *what, int environment) {
    lua_State *L = self->program->L;
    unsigned texts = program_count_texts(L, environment);
    int fd = texts != self->texts ? program_pack_sources(L, environment, &texts) : -1;
    (void)program_send_message(&self->channel, fd, "%s", what);
    self->texts = texts;
    if (fd >= 0)
        mp_system_close(fd);
}

static void on_serves(program_reload *reload) {
    report(worker_of(reload), "serving",
           reload->stage == RELOAD_FIRST ? reload->first.environment : reload->environment);
}

static void on_ready(program_reload *reload) {
    report(worker_of(reload), "ready", reload->next.environment);
}

static void on_gave_up(program_reload *reload) {
    const char *why = reload->report.last_error ? reload->report.last_error : "out of memory";
    char *word = program_to_word(why, strlen(why), MOST_ERROR);
    (void)program_send_message(&worker_of(reload)->channel, -1, "failed %s", word ? word : "%");
    free(word);
}

static void on_committed(program_reload *reload) {
    (void)program_send_message(&worker_of(reload)->channel, -1, "committed");
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
                                                    .stuck = on_stuck};

/* Takes the sources that a message has brought. */
static int take_sources(program_worker *self, program_message *message) {
    lua_State *L = self->program->L;
    int fd = message->fd;
    message->fd = -1;
    int sources = fd >= 0 ? program_unpack_sources(L, fd) : LUA_NOREF;
    self->texts = sources == LUA_NOREF ? 0 : program_count_texts(L, sources);
    return sources;
}

/* --- messages ------------------------------------------------------------------------------------------- */

static unsigned number_of(const char *word) {
    return (unsigned)strtoul(word, NULL, 10);
}

static void on_stage(program_worker *self, program_message *message) {
    int sources = take_sources(self, message);
    program_stage_reload(&self->program->reload, number_of(message->words[1]), sources,
                         strcmp(message->words[2], "back") == 0);
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
} table[] = {{"stage", 3, on_stage}, {"commit", 1, on_commit}, {"giveup", 2, on_give_up},
             {"stop", 1, on_stop},   {"end", 1, on_end},       {"signal", 2, on_signal},
             {"ping", 1, on_ping},   {"lend", 2, on_lend},     {"unlend", 2, on_unlend},
             {"visit", 1, on_visit}, {"drain", 1, on_drain},   {"hangup", 2, on_hang_up},
             {"leave", 1, on_leave}};

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

static void do_nothing(int number) {
    (void)number;
}

/* --- life ----------------------------------------------------------------------------------------------- */

static bool is_first(const program_message *message, const void *context) {
    (void)context;
    return message->count == 3 && strcmp(message->words[0], "start") == 0;
}

bool program_start_worker(program_worker *self, program *owner) {
    binding_state *state = owner->state;
    const program_options *options = &owner->options;
    static const int ignored[] = {SIGTERM, SIGINT, SIGHUP};
    self->program = owner;
    mp_log_set_worker(options->worker);
    mp_system_inherit_service();
    last_seconds = (unsigned)ceil(fmin(options->grace, 1e8) / 1e3) + LAST_SECONDS;
    (void)mp_system_handle_signal(MP_PARTING, on_parting);
    /* A handler, so that programs that it starts have the system's default. */
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        (void)mp_system_handle_signal(ignored[i], do_nothing);
    if (program_open_channel(&self->channel, options->channel) < 0)
        return false;
    program_message *first = program_await_message(&self->channel, is_first, NULL, FIRST_WORD);
    if (!first)
        return false;
    state->worker = (unsigned)options->worker;
    state->workers = (unsigned)options->worker_count;
    state->generations.current->number = number_of(first->words[1]);
    state->generations.count = number_of(first->words[2]);
    owner->reload.master = &reload_master;
    owner->reload.given = take_sources(self, first);
    program_free_message(first);
    program_share_sockets(mp_network_of(state->loop));
    program_listen_to_channel(&self->channel, state->loop, on_received, on_parted, self);
    return true;
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
