/*
 * handlers: how often each was called and has failed. Those of a prototype are counted by server, those that
 * objects have themselves by kind; their lines are found when somebody asks.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "net/tcp_server.h"
#include "object/count.h"
#include "object/endpoint.h"
#include "object/signal_name.h"
#include "operate/commands.h"
#include "operate/slice.h"

/* The lines of objects' own handlers, by kind and signal. */
typedef struct own_lines {
    char of[MP_KIND_COUNT][MP_SIGNAL_COUNT][PROGRAM_LINE];
    bool several[MP_KIND_COUNT][MP_SIGNAL_COUNT];
} own_lines;

static void add_counts(program_json *out, enum mp_signal signal, const binding_count *count,
                       const char *line) {
    program_json_string(out, "signal", binding_signal_name(signal));
    program_json_integer(out, "calls", (int64_t)count->calls);
    program_json_integer(out, "errors", (int64_t)count->errors);
    program_json_string(out, "line", line);
}

void program_find_in_prototype(const binding_state *state, const mp_listener *listener, enum mp_signal signal,
                               char *line) {
    lua_State *L = state->L;
    int top = lua_gettop(L);
    line[0] = '\0';
    if (listener->prototype > 0 && lua_rawgeti(L, LUA_REGISTRYINDEX, listener->prototype) == LUA_TTABLE) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.signal_names[signal]);
        lua_rawget(L, -2);
        program_line_of(L, -1, line);
    }
    lua_settop(L, top);
}

static void add_prototype(program_visitor *visitor, const mp_tcp_server *server) {
    const mp_listener *listener = server->listener;
    const binding_counts *counts = listener->counts;
    char place[BINDING_PLACE], line[PROGRAM_LINE];
    for (int i = 0; counts && i < MP_SIGNAL_COUNT; i++) {
        if (counts->of[i].calls == 0)
            continue;
        program_find_in_prototype(visitor->state, listener, (enum mp_signal)i, line);
        program_json_open(&visitor->out, NULL);
        program_json_string(&visitor->out, "of", "connections");
        program_json_string(&visitor->out, "server", binding_place(place, server));
        add_counts(&visitor->out, (enum mp_signal)i, &counts->of[i], line);
        program_json_end(&visitor->out);
    }
}

/* On top is the object. */
static void note_own(program_visitor *visitor, const mp_object *object) {
    const binding_state *state = visitor->state;
    lua_State *L = state->L;
    own_lines *lines = visitor->notes;
    int kind = object->behaviour->kind;
    char line[PROGRAM_LINE];
    if (!lines || !state->own_counts[kind] || !binding_push_fields(L, lua_gettop(L)))
        return;
    for (int i = 0; i < MP_SIGNAL_COUNT; i++) {
        if (state->own_counts[kind]->of[i].calls == 0)
            continue;
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.signal_names[i]);
        lua_rawget(L, -2);
        program_line_of(L, -1, line);
        lua_pop(L, 1);
        if (lines->of[kind][i][0] == '\0')
            memcpy(lines->of[kind][i], line, sizeof line);
        else if (*line && strcmp(lines->of[kind][i], line) != 0)
            lines->several[kind][i] = true;
    }
}

static void look(program_visitor *visitor, program_found found) {
    if (!found.object)
        return;
    if (mp_kind_is(found.object->behaviour->kind, MP_TCP_SERVER))
        add_prototype(visitor, (const mp_tcp_server *)found.object);
    if (binding_box_of(found.object)->has_fields)
        note_own(visitor, found.object);
}

static void add_own(program_visitor *visitor) {
    const own_lines *lines = visitor->notes;
    for (int kind = 0; lines && kind < MP_KIND_COUNT; kind++) {
        const binding_counts *counts = visitor->state->own_counts[kind];
        for (int i = 0; counts && i < MP_SIGNAL_COUNT; i++) {
            if (counts->of[i].calls == 0)
                continue;
            program_json_open(&visitor->out, NULL);
            program_json_string(&visitor->out, "of", binding_kind_name((enum mp_kind)kind));
            add_counts(&visitor->out, (enum mp_signal)i, &counts->of[i], lines->of[kind][i]);
            if (lines->several[kind][i])
                program_json_bool(&visitor->out, "others", true);
            program_json_end(&visitor->out);
        }
    }
}

static void begin(program_visitor *visitor) {
    visitor->next = 1;
    visitor->notes = calloc(1, sizeof(own_lines));
}

static bool more(program_visitor *visitor) {
    enum program_sliced sliced = program_do_slice(visitor, look);
    if (sliced == PROGRAM_SLICE_LAST) {
        add_own(visitor);
        program_end_answer(visitor, NULL);
    }
    return sliced == PROGRAM_SLICE_MORE;
}

const program_command program_handlers_command = {.name = "handlers", .begin = begin, .more = more};
