/*
 * connections, waits: what exists, an object of JSON for each. The answers come in slices: a program
 * with many connections serves on meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include "net/stream_output.h"
#include "net/tcp_socket.h"
#include "object/arguments.h"
#include "object/endpoint.h"
#include "object/generation.h"
#include "object/signal_name.h"
#include "operate/commands.h"
#include "operate/slice.h"
#include "system/socket_facts.h"

#define FIELDS 8      /* of a connection that are shown */
#define FIELD_SIZE 60 /* bytes of a field that are shown */

static void begin_walk(program_visitor *visitor) {
    visitor->next = 1;
}

static bool more(program_visitor *visitor, program_look *look) {
    enum program_sliced sliced = program_do_slice(visitor, look);
    if (sliced == PROGRAM_SLICE_LAST)
        program_end_answer(visitor, NULL);
    return sliced == PROGRAM_SLICE_MORE;
}

/* The object's own text, "TcpSocket(127.0.0.1:7000)". */
static void add_text(program_json *out, lua_State *L, const char *name, const mp_object *object) {
    size_t size;
    if (binding_push(L, object)) {
        const char *text = luaL_tolstring(L, -1, &size);
        program_json_bytes(out, name, text, size);
    }
}

/* --- connections ---------------------------------------------------------------------------------------- */

/* Values that fit into a table's cell: others by their type. */
static void add_field(program_json *out, lua_State *L, const char *name, int index) {
    size_t size;
    switch (lua_type(L, index)) {
    case LUA_TSTRING: {
        const char *text = lua_tolstring(L, index, &size);
        program_json_bytes(out, name, text, size < FIELD_SIZE ? size : FIELD_SIZE);
        break;
    }
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            program_json_integer(out, name, lua_tointeger(L, index));
        else
            program_json_number(out, name, lua_tonumber(L, index));
        break;
    case LUA_TBOOLEAN: program_json_bool(out, name, lua_toboolean(L, index)); break;
    default: program_json_string(out, name, luaL_typename(L, index)); break;
    }
}

/* The script's fields, without functions. On top is the connection. */
static void add_fields(program_json *out, lua_State *L) {
    int count = 0, top = lua_gettop(L);
    if (!((binding_box *)lua_touserdata(L, top))->has_fields || !binding_push_fields(L, top)) {
        lua_settop(L, top);
        return;
    }
    program_json_open(out, "fields");
    for (lua_pushnil(L); lua_next(L, top + 1) && count < FIELDS; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_isfunction(L, -1))
            continue;
        char name[32] = {0};
        strncpy(name, lua_tostring(L, -2), sizeof name - 1);
        for (char *at = name; *at; at++)
            if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\')
                *at = '?';
        add_field(out, L, name, -1);
        count++;
    }
    program_json_close(out);
    lua_settop(L, top);
}

static void add_peer(program_json *out, mp_stream *stream) {
    char text[BINDING_ENDPOINT];
    mp_address address;
    uint16_t port;
    mp_tcp_socket_peer_address((const mp_tcp_socket *)stream, &address, &port);
    if (!mp_address_is_null(&address)) {
        program_json_string(out, "peer", binding_endpoint(text, &address, port));
        return;
    }
    int process, user;
    if (mp_system_socket_owner(mp_stream_descriptor(stream), &process, &user)) {
        program_json_integer(out, "peerProcess", process);
        program_json_integer(out, "peerUser", user);
    }
}

static void look_for_connections(program_visitor *visitor, program_found found) {
    binding_state *state = visitor->state;
    program_json *out = &visitor->out;
    char place[BINDING_PLACE];
    mp_stream *stream = program_connection(found);
    if (!stream)
        return;
    binding_box *box = binding_box_of(found.object);
    mp_tcp_server *server = mp_stream_server(stream);
    int64_t now = (int64_t)(mp_loop_turn_time(state->loop) / 1e3);
    program_json_open(out, NULL);
    program_json_integer(out, "id", mp_stream_number(stream));
    program_json_string(out, "kind", binding_kind_name(found.object->behaviour->kind));
    if (server)
        program_json_string(out, "server", binding_place(place, server));
    add_peer(out, stream);
    if (mp_stream_number(stream) > 0 && mp_stream_descriptor(stream) >= 0) {
        int64_t age = now - mp_stream_began(stream);
        program_json_integer(out, "age", age > 0 ? age : 0);
        double idle = mp_system_socket_idle(mp_stream_descriptor(stream));
        if (idle >= 0)
            program_json_number(out, "idle", idle);
    }
    program_json_string(out, "state", binding_state_name(stream->state));
    program_json_integer(out, "unread", stream->in ? (int64_t)(stream->in->end - stream->in->start) : 0);
    program_json_integer(out, "unsent", (int64_t)stream->out.bytes);
    program_json_integer(out, "read", (int64_t)stream->bytes_read);
    program_json_integer(out, "sent", (int64_t)stream->bytes_sent);
    const binding_generation *generation = box->generation ? box->generation
                                           : server        ? binding_box_of(&server->object)->generation
                                                           : NULL;
    if (generation)
        program_json_integer(out, "generation", generation->number);
    program_json_integer(out, "handlers", found.object->at_work);
    add_fields(out, state->L);
    program_json_end(out);
}

static bool more_connections(program_visitor *visitor) {
    return more(visitor, look_for_connections);
}

const program_command program_connections_command = {
    .name = "connections", .begin = begin_walk, .more = more_connections};

/* --- waits ---------------------------------------------------------------------------------------------- */

/* Where a coroutine waits: the first function in Lua, and the one in C that it calls. */
static void add_place(program_json *out, lua_State *co) {
    lua_Debug where;
    char text[PROGRAM_LINE] = "";
    for (int level = 0; !*text && lua_getstack(co, level, &where); level++) {
        lua_getinfo(co, "Sln", &where);
        if (level == 0 && where.name)
            program_json_string(out, "call", where.name);
        if (where.currentline >= 0)
            snprintf(text, sizeof text, "%s:%d", where.short_src, where.currentline);
    }
    program_json_string(out, "line", text);
}

static void look_for_waits(program_visitor *visitor, program_found found) {
    binding_state *state = visitor->state;
    program_json *out = &visitor->out;
    const binding_task *task = found.task;
    if (!task || !task->suspended)
        return;
    program_json_open(out, NULL);
    add_place(out, task->co);
    double since = mp_loop_turn_time(state->loop) - task->since;
    program_json_number(out, "since", since > 0 ? since / 1e3 : 0);
    program_json_string(out, "task", task->on ? binding_signal_name(task->signal) : task->kind->name);
    if (task->on)
        add_text(out, state->L, "of", task->on);
    const mp_object *awaited = task->wait.object;
    if (awaited && awaited != task->on)
        add_text(out, state->L, "waitsFor", awaited);
    if (awaited && mp_kind_is(awaited->behaviour->kind, MP_TCP_SOCKET))
        program_json_integer(out, "awaited", mp_stream_number((const mp_stream *)awaited));
    const mp_object *connection = task->on ? task->on : awaited;
    if (connection && mp_kind_is(connection->behaviour->kind, MP_TCP_SOCKET))
        program_json_integer(out, "connection", mp_stream_number((const mp_stream *)connection));
    if (task->context.generation)
        program_json_integer(out, "generation", task->context.generation->number);
    program_json_end(out);
}

static bool more_waits(program_visitor *visitor) {
    return more(visitor, look_for_waits);
}

const program_command program_waits_command = {.name = "waits", .begin = begin_walk, .more = more_waits};
