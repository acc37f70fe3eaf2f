/*
 * Reports of reloads; see report.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reload/report.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "signal/report.h"

void program_init_report(program_reload_report *report, binding_state *state, const char *script) {
    const char *slash = script ? strrchr(script, '/') : NULL;
    *report = (program_reload_report){.state = state, .script = slash ? slash + 1 : script ? script : "(-e)"};
}

void program_free_report(program_reload_report *report) {
    free(report->last_error);
    report->last_error = NULL;
}

/* --- log lines ------------------------------------------------------------------------------------------ */

static void note_result(program_reload_report *report, const binding_commit *commit) {
    const binding_state *state = report->state;
    unsigned most = 0;
    report->result = (program_reload_result){
        .commit = *commit, .connections = mp_network_of(state->loop)->traffic.connections, .holder = ""};
    for (const binding_generation *it = state->generations.first; it; it = it->next) {
        if (!binding_is_older(it))
            continue;
        report->result.older += it->sockets;
        if (it->sockets > most) {
            most = it->sockets;
            report->result.holder = it->holder;
        }
    }
}

static void log_success(const program_reload_report *report) {
    const binding_state *state = report->state;
    const program_reload_result *result = &report->result;
    const binding_commit *commit = &result->commit;
    char tail[160] = "";
    if (result->older > 0)
        snprintf(tail, sizeof tail, ", %u with handlers of older generations (%s)", result->older,
                 result->holder);
    mp_log(
        state->loop->log_level, MP_LOG_INFO,
        "reloaded %s: generation %u, %.0f ms; %u listener%s kept, %u added, %u closed; %llu connection%s%s",
        report->script, state->generations.current->number, report->last_duration, commit->kept,
        commit->kept == 1 ? "" : "s", commit->added, commit->closed, result->connections,
        result->connections == 1 ? "" : "s", tail);
}

static void log_failure(const program_reload_report *report, size_t message) {
    const binding_state *state = report->state;
    const char *why = report->last_error ? report->last_error : "out of memory";
    const char *trace = report->last_error && why[message] ? why + message + 1 : "";
    char *text = NULL;
    int length = asprintf(&text, "reload of %s failed, generation %u goes on: %.*s", report->script,
                          state->generations.current->number, *trace ? (int)message : INT_MAX, why);
    if (length < 0)
        return;
    mp_log_trace(state->loop->log_level, MP_LOG_ERROR, text, (size_t)length, trace, strlen(trace));
    free(text);
}

static void note_time(program_reload_report *report, double started) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    report->last_time = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    report->last_duration = mp_loop_now() - started;
}

void program_report_success(program_reload_report *report, double started, const binding_commit *commit) {
    note_time(report, started);
    report->failed = false;
    report->reloads++;
    note_result(report, commit);
    if (!report->silent)
        log_success(report);
}

void program_report_failure(program_reload_report *report, double started, const char *why, size_t message) {
    note_time(report, started);
    free(report->last_error);
    report->last_error = why ? strdup(why) : NULL;
    report->failed = true;
    report->failures++;
    if (!report->silent)
        log_failure(report, message);
}

/* --- onReload ------------------------------------------------------------------------------------------- */

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

/* report, commit or NULL -> ok, report: the arguments of onReload's function */
static int push_report(lua_State *L) {
    const program_reload_report *report = lua_touserdata(L, 1);
    const binding_commit *commit = lua_touserdata(L, 2);
    lua_pushboolean(L, commit != NULL);
    lua_newtable(L);
    set_integer(L, "generation", report->state->generations.current->number);
    set_integer(L, "duration", (lua_Integer)ceil(report->last_duration));
    if (commit) {
        set_integer(L, "kept", commit->kept);
        set_integer(L, "added", commit->added);
        set_integer(L, "closed", commit->closed);
        set_integer(L, "connections", (lua_Integer)mp_network_of(report->state->loop)->traffic.connections);
    } else {
        lua_pushstring(L, report->last_error ? report->last_error : "out of memory");
        lua_setfield(L, -2, "error");
    }
    return 2;
}

static const binding_task_kind kind = {.name = "onReload", .failed = binding_report};

void program_tell_of_reload(program_reload_report *report, const binding_commit *commit, int function) {
    lua_State *L = report->state->L;
    if (function == LUA_NOREF)
        return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, function);
    lua_pushcfunction(L, push_report);
    lua_pushlightuserdata(L, report);
    lua_pushlightuserdata(L, (void *)(uintptr_t)commit);
    if (lua_pcall(L, 2, 2, 0) != LUA_OK) {
        lua_pop(L, 2);
        return;
    }
    binding_task *task = binding_new_task(report->state, &kind, L, 2);
    if (task)
        binding_resume(task, 2);
}

/* --- stats ---------------------------------------------------------------------------------------------- */

/* Pushes the list of the older generations that something still belongs to. */
static void push_older(const binding_state *state, lua_State *L) {
    lua_Integer n = 0;
    lua_newtable(L);
    for (const binding_generation *it = state->generations.first; it; it = it->next) {
        if (!binding_is_older(it) || it->sockets + it->handlers == 0)
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

void program_add_statistics(const program_reload_report *report, lua_State *L) {
    lua_newtable(L);
    set_integer(L, "generation", report->state->generations.current->number);
    set_integer(L, "count", report->reloads);
    set_integer(L, "failures", report->failures);
    set_integer(L, "resumeErrors", (lua_Integer)report->state->tasks->resume_errors);
    set_integer(L, "duration", (lua_Integer)ceil(report->last_duration));
    if (report->last_time > 0)
        set_integer(L, "time", (lua_Integer)report->last_time);
    if (report->last_error) {
        lua_pushstring(L, report->last_error);
        lua_setfield(L, -2, "lastError");
    }
    push_older(report->state, L);
    lua_setfield(L, -2, "older");
    lua_setfield(L, -2, "reload");
}
