/*
 * What changes the program: reload, rollback, drain, stop, close, log.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object/generation.h"
#include "operate/commands.h"
#include "operate/slice.h"
#include "run.h"

#define LOOK 5.0 /* milliseconds between two looks for the end of a reload */

static program *program_of(const program_visitor *visitor) {
    return visitor->state->program;
}

/* --- reloads -------------------------------------------------------------------------------------------- */

static lua_Integer reloads(const program *self) {
    return self->reload.report.reloads + self->reload.report.failures;
}

/* visitor->next: how many there were before. */
static bool await_reload(program_visitor *visitor) {
    const program *self = program_of(visitor);
    const program_reload_report *report = &self->reload.report;
    if (reloads(self) == visitor->next && !self->reload.closed) {
        program_pause(visitor, LOOK);
        return true;
    }
    if (reloads(self) == visitor->next || report->failed) {
        program_end_answer(visitor, self->reload.closed  ? "the program stops"
                                    : report->last_error ? report->last_error
                                                         : "out of memory");
        return false;
    }
    program_json_open(&visitor->out, NULL);
    program_json_integer(&visitor->out, "generation", visitor->state->generations.current->number);
    program_json_number(&visitor->out, "duration", report->last_duration);
    program_json_end(&visitor->out);
    program_end_answer(visitor, NULL);
    return false;
}

static void begin_reload(program_visitor *visitor) {
    program *self = program_of(visitor);
    visitor->next = reloads(self);
    if (!program_want_reload(&self->reload))
        program_end_answer(visitor,
                           self->reload.closed ? "the program stops" : "there is no script file to load");
}

const program_command program_reload_command = {
    .name = "reload", .begin = begin_reload, .more = await_reload};

static void begin_rollback(program_visitor *visitor) {
    program *self = program_of(visitor);
    visitor->next = reloads(self);
    if (!program_want_rollback(&self->reload))
        program_end_answer(visitor,
                           self->reload.closed ? "the program stops" : "there is no code before this one");
}

const program_command program_rollback_command = {
    .name = "rollback", .begin = begin_rollback, .more = await_reload};

/* --- the end -------------------------------------------------------------------------------------------- */

static void on_drained(program_drain *drain) {
    program *self = drain->owner;
    if (self->stop.stage != STOP_NOT_BEGUN)
        return;
    mp_log(self->state->loop->log_level, MP_LOG_INFO, "drained: stopping");
    program_begin_stop(&self->stop);
}

void program_drain_now(program *self) {
    if (!self->drain.active)
        mp_log(self->state->loop->log_level, MP_LOG_INFO, "draining");
    program_close_reload(&self->reload);
    program_begin_drain(&self->drain, self->state, on_drained, self);
}

static void begin_drain(program_visitor *visitor) {
    program_drain_now(program_of(visitor));
    program_end_answer(visitor, NULL);
}

const program_command program_drain_command = {.name = "drain", .begin = begin_drain};

static void begin_stop(program_visitor *visitor) {
    program *self = program_of(visitor);
    mp_log(self->state->loop->log_level, MP_LOG_INFO, "stopping");
    program_begin_stop(&self->stop);
    program_end_answer(visitor, NULL);
}

const program_command program_stop_command = {.name = "stop", .begin = begin_stop};

/* --- one connection ------------------------------------------------------------------------------------- */

static void look_for_one(program_visitor *visitor, program_found found) {
    mp_stream *stream = program_wanted_connection(visitor, found);
    if (!stream)
        return;
    mp_log(visitor->state->loop->log_level, MP_LOG_INFO, "connection %u is closed by ctl",
           (unsigned)mp_stream_number(stream));
    mp_stream_abort(stream);
}

static bool more_close(program_visitor *visitor) {
    enum program_sliced sliced = program_do_slice(visitor, look_for_one);
    bool found = sliced != PROGRAM_SLICE_FAILED && visitor->wanted == 0;
    if (found || sliced == PROGRAM_SLICE_LAST)
        program_end_answer(visitor, found ? NULL : "there is no such connection");
    return !found && sliced == PROGRAM_SLICE_MORE;
}

const program_command program_close_command = {
    .name = "close", .words = 1, .begin = program_want_connection, .more = more_close};

/* --- the log -------------------------------------------------------------------------------------------- */

static void begin_log(program_visitor *visitor) {
    int level = mp_log_level_from_name(visitor->words[1]);
    if (level < 0) {
        program_end_answer(visitor, "needs debug, info, warning, error or none");
        return;
    }
    mp_loop_set_log_level(visitor->state->loop, (enum mp_log_level)level);
    program_end_answer(visitor, NULL);
}

const program_command program_log_command = {.name = "log", .words = 1, .begin = begin_log};
