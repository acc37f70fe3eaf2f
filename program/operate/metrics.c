/*
 * top: how often handlers were called, without a look at all objects. metrics: the same, and the script's own
 * metrics as text for Prometheus, piece by piece.
 *
 * SPDX-License-Identifier: MIT
 */
#include <lauxlib.h>

#include "net/tcp_server.h"
#include "object/count.h"
#include "object/endpoint.h"
#include "object/signal_name.h"
#include "operate/commands.h"

#define SERVERS 200 /* whose handlers are told of */
#define SLICE 0.5   /* milliseconds */

/* `server` is NULL for handlers that objects have themselves. */
static void add_counts(program_visitor *visitor, const binding_counts *counts, const char *of,
                       const mp_tcp_server *server) {
    program_json *out = &visitor->out;
    char place[BINDING_PLACE], line[PROGRAM_LINE];
    for (int i = 0; counts && i < MP_SIGNAL_COUNT; i++) {
        if (counts->of[i].calls == 0)
            continue;
        program_json_open(out, NULL);
        program_json_string(out, "of", of);
        if (server) {
            program_json_string(out, "server", binding_place(place, server));
            program_find_in_prototype(visitor->state, server->listener, (enum mp_signal)i, line);
            program_json_string(out, "line", line);
        }
        program_json_string(out, "signal", binding_signal_name((enum mp_signal)i));
        program_json_integer(out, "calls", (int64_t)counts->of[i].calls);
        program_json_integer(out, "errors", (int64_t)counts->of[i].errors);
        program_json_end(out);
    }
}

static void add_all_counts(program_visitor *visitor) {
    const binding_state *state = visitor->state;
    mp_tcp_server *server = NULL;
    for (int kind = 0; kind < MP_KIND_COUNT; kind++)
        add_counts(visitor, state->own_counts[kind], binding_kind_name(kind), NULL);
    for (int i = 0; i < SERVERS; i++) {
        server = mp_tcp_server_next(mp_network_of(state->loop), server);
        if (!server)
            break;
        add_counts(visitor, server->listener->counts, "connections", server);
    }
}

static void begin_top(program_visitor *visitor) {
    add_all_counts(visitor);
    program_end_answer(visitor, NULL);
}

const program_command program_top_command = {.name = "top", .begin = begin_top};

/* visitor -> ; adds pieces of the text until the slice is over. visitor->next: the place, -1 behind the
   last */
static int add_text(lua_State *L) {
    program_visitor *visitor = lua_touserdata(L, 1);
    double end = mp_loop_now() + SLICE;
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (lua_getfield(L, -1, "moonport.metrics.registry") != LUA_TTABLE) { /* the script has none */
        visitor->next = -1;
        return 0;
    }
    lua_getfield(L, -1, "text");
    do {
        size_t size;
        lua_pushvalue(L, -1);
        lua_pushinteger(L, visitor->next);
        lua_call(L, 1, 2);
        const char *text = lua_tolstring(L, -2, &size);
        visitor->next = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : -1;
        if (text && size > 0) {
            program_json_open(&visitor->out, NULL);
            program_json_bytes(&visitor->out, "text", text, size);
            program_json_end(&visitor->out);
        }
        lua_pop(L, 2);
    } while (visitor->next >= 0 && mp_loop_now() < end && !program_is_behind(visitor));
    return 0;
}

static bool more(program_visitor *visitor) {
    lua_State *L = visitor->state->L;
    lua_pushcfunction(L, add_text);
    lua_pushlightuserdata(L, visitor);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        program_end_answer(visitor, lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "out of memory");
        lua_pop(L, 1);
        return false;
    }
    if (visitor->next >= 0)
        return true;
    program_end_answer(visitor, NULL);
    return false;
}

const program_command program_metrics_command = {.name = "metrics", .begin = add_all_counts, .more = more};
