/*
 * status: how the program is, in one object.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "loop/lag.h"
#include "object/generation.h"
#include "operate/commands.h"
#include "run.h"
#include "system/process.h"
#include "system/usage.h"

static void add_connections(program_json *out, const mp_network *network) {
    const mp_overload *overload = &network->overload;
    program_json_open(out, "connections");
    program_json_integer(out, "open", (int64_t)network->traffic.connections);
    program_json_integer(out, "accepted", (int64_t)network->traffic.accepted);
    program_json_integer(out, "connected", (int64_t)network->traffic.connected);
    program_json_integer(out, "bytesRead", (int64_t)network->traffic.bytes_read);
    program_json_integer(out, "bytesSent", (int64_t)network->traffic.bytes_sent);
    program_json_open(out, "refused");
    program_json_integer(out, "buffers", (int64_t)overload->refused[MP_REFUSED_BUFFERS]);
    program_json_integer(out, "connections", (int64_t)overload->refused[MP_REFUSED_CONNECTIONS]);
    program_json_integer(out, "handshakes", (int64_t)overload->refused[MP_REFUSED_HANDSHAKES]);
    program_json_close(out);
    program_json_integer(out, "shed", (int64_t)overload->ended);
    program_json_close(out);
}

static void add_lag(program_json *out, mp_lag *lag, double now) {
    mp_lag_turn_over(lag, now);
    program_json_open(out, "lag");
    program_json_number(out, "p50", mp_lag_quantile(lag, 0.5));
    program_json_number(out, "p99", mp_lag_quantile(lag, 0.99));
    program_json_number(out, "longest", mp_lag_longest(lag));
    program_json_number(out, "recent", mp_lag_recent(lag));
    program_json_close(out);
}

static void add_system(program_json *out, lua_State *L, const mp_network *network) {
    mp_usage usage;
    mp_system_usage(&usage);
    program_json_number(out, "processor", usage.processor);
    program_json_open(out, "memory");
    program_json_integer(out, "lua", (int64_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + lua_gc(L, LUA_GCCOUNTB, 0));
    program_json_integer(out, "resident", usage.resident);
    program_json_integer(out, "buffers", (int64_t)mp_network_buffers(network));
    program_json_integer(out, "maxBuffers", (int64_t)network->overload.bound);
    program_json_close(out);
    program_json_open(out, "descriptors");
    program_json_integer(out, "open", usage.descriptors);
    program_json_integer(out, "limit", usage.descriptor_limit);
    program_json_close(out);
}

static void add_reload(program_json *out, const program_reload_report *report) {
    program_json_open(out, "reload");
    program_json_integer(out, "count", report->reloads);
    program_json_integer(out, "failures", report->failures);
    if (report->last_time > 0)
        program_json_integer(out, "time", (int64_t)report->last_time);
    if (report->last_error)
        program_json_string(out, "lastError", report->last_error);
    program_json_close(out);
}

static void add_store(program_json *out, const program_store *store) {
    pid_t pid = program_store_pid(store);
    if (pid == 0)
        return;
    program_json_open(out, "store");
    program_json_integer(out, "pid", pid);
    program_json_integer(out, "resident", mp_system_resident(pid));
    program_json_close(out);
}

static void begin(program_visitor *visitor) {
    const binding_state *state = visitor->state;
    const program *self = state->program;
    const mp_network *network = mp_network_of(state->loop);
    const char *script = self->options.script;
    program_json *out = &visitor->out;
    program_json_open(out, NULL);
    program_json_string(out, "version", MOONPORT_VERSION);
    program_json_integer(out, "pid", mp_system_process_number());
    program_json_string(out, "script", script ? script : "-e");
    program_json_number(out, "uptime", (mp_loop_now() - self->started) / 1e3);
    program_json_integer(out, "generation", state->generations.current->number);
    program_json_bool(out, "draining", self->drain.active);
    add_connections(out, network);
    program_json_integer(out, "calls", (int64_t)state->generations.current->calls);
    program_json_integer(out, "errors", (int64_t)state->tasks->errors);
    program_json_integer(out, "peerErrors", (int64_t)state->tasks->peer_errors);
    program_json_integer(out, "tasks", state->tasks->count);
    program_json_integer(out, "processes", network->processes);
    add_lag(out, &state->loop->lag, mp_loop_turn_time(state->loop));
    add_system(out, state->L, network);
    add_reload(out, &self->reload.report);
    add_store(out, &self->store);
    program_json_string(out, "logLevel", mp_log_level_name(state->loop->log_level));
    program_json_end(out);
    program_end_answer(visitor, NULL);
}

const program_command program_status_command = {.name = "status", .begin = begin};
