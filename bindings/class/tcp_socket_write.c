/*
 * Writing to a TcpSocket. Short strings are copied to the write queue. Others are sent from where they lie:
 * medium ones are lent until the loop has sent what it can, which is mostly all; long ones are pinned until
 * they are sent.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/tcp_socket.h"

#include <assert.h>
#include <string.h>

#include "net/stream.h"
#include "net/stream_output.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/result.h"

#define check_socket(L, parameters) binding_check(L, parameters, mp_stream, MP_TCP_SOCKET)
#define check_at_once(L, parameters)                                                                         \
    ((mp_stream *)binding_object(binding_check_self_at_once(L, parameters, MP_TCP_SOCKET)))

/* From these sizes on a reference costs less than a copy. */
#define LEND_SIZE 512
#define PIN_SIZE 8192

/* The number of strings that are lent until a flush; further ones are copied. */
#define MOST_LENT 64

struct binding_writer {
    lua_State *lent;  /* its stack holds strings that are about to be sent */
    const char *last; /* the last of them */
};

/* Holds the string at `index` until the upcall `flushed`: on the stack of a coroutine that never runs,
   which costs less than a reference in a table. False if there is no room. */
static bool lend(lua_State *L, binding_state *state, int index, const char *data) {
    struct binding_writer *writer = state->writer;
    assert((writer->last != NULL) == (lua_gettop(writer->lent) > 0));
    if (data == writer->last)
        return true;
    if (lua_gettop(writer->lent) == MOST_LENT)
        return false;
    lua_pushvalue(L, index);
    lua_xmove(L, writer->lent, 1);
    writer->last = data;
    mp_network_lend(mp_network_of(state->loop));
    return true;
}

void binding_flushed(mp_network *network) {
    struct binding_writer *writer = ((binding_state *)network->loop.owner)->writer;
    lua_settop(writer->lent, 0);
    writer->last = NULL;
}

void binding_open_writing(lua_State *L, binding_state *state) {
    state->writer = binding_allocate(L, sizeof *state->writer);
    state->writer->lent = lua_newthread(L);
    luaL_checkstack(state->writer->lent, MOST_LENT, NULL);
    (void)luaL_ref(L, LUA_REGISTRYINDEX);
}

/* Queues them, behind the head if there is one. */
static inline enum mp_fault append(mp_stream *socket, const binding_head *head, const char *data, size_t size,
                                   int token) {
    return head ? mp_stream_write_headed(socket, head->data, head->size, data, size, token)
                : mp_stream_write(socket, data, size, token);
}

/* binding_queue, as a part of its callers. */
static inline enum mp_fault queue(lua_State *L, mp_stream *socket, const binding_head *head, int index,
                                  const char *data, size_t size) {
    assert(lua_touserdata(L, index) || (lua_type(L, index) == LUA_TSTRING && size <= lua_rawlen(L, index)));
    if (size < LEND_SIZE || (head && size < PIN_SIZE))
        return append(socket, head, data, size, MP_COPY);
    if (size < PIN_SIZE)
        return append(socket, NULL, data, size,
                      lend(L, binding_state_of(L), index, data) ? MP_LEND : MP_COPY);
    enum mp_fault fault = mp_stream_can_write(socket, (head ? head->size : 0) + size);
    if (fault == MP_FAULT_NONE) {
        lua_pushvalue(L, index);
        int token = luaL_ref(L, LUA_REGISTRYINDEX);
        fault = append(socket, head, data, size, token);
        if (fault != MP_FAULT_NONE)
            luaL_unref(L, LUA_REGISTRYINDEX, token);
        return fault;
    }
    return append(socket, head, data, size, MP_COPY); /* fails the same way, and records the fault */
}

enum mp_fault binding_queue(lua_State *L, mp_stream *stream, const binding_head *head, int index,
                            const char *data, size_t size) {
    return queue(L, stream, head, index, data, size);
}

/* socket:write(data[, maxSize]) -> bytes taken | nil, message, code */
static int tcp_socket_write(lua_State *L) {
    mp_stream *socket = check_at_once(L, 2);
    size_t size;
    const char *data = luaL_checklstring(L, 2, &size);
    if (!lua_isnoneornil(L, 3)) {
        size_t most = binding_check_size(L, 3, "maxSize");
        if (most < size)
            size = most;
    }
    enum mp_fault fault = queue(L, socket, NULL, 2, data, size);
    if (fault != MP_FAULT_NONE)
        return binding_fail_of(L, "write", socket, fault);
    lua_pushinteger(L, (lua_Integer)size);
    return 1;
}

/* socket:putChar(c) -> true | nil, message, code */
static int tcp_socket_put_char(lua_State *L) {
    mp_stream *socket = check_socket(L, 1);
    char c = binding_check_byte(L, 2);
    return binding_result_of(L, "putChar", socket, mp_stream_write(socket, &c, 1, MP_COPY));
}

/* socket:bytesToWrite() -> n */
static int tcp_socket_bytes_to_write(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)mp_stream_unsent(check_socket(L, 0)));
    return 1;
}

/* socket:flush() -> true if anything was sent */
static int tcp_socket_flush(lua_State *L) {
    lua_pushboolean(L, mp_stream_flush(check_socket(L, BINDING_ANY)));
    return 1;
}

/* socket:closeWriteChannel() -> true | nil, message, code */
static int tcp_socket_close_write_channel(lua_State *L) {
    mp_stream *socket = check_socket(L, BINDING_ANY);
    return binding_result_of(L, "closeWriteChannel", socket, mp_stream_close_write_channel(socket));
}

const luaL_Reg binding_socket_writing[] = {
    {"write", tcp_socket_write},
    {"putChar", tcp_socket_put_char},
    {"bytesToWrite", tcp_socket_bytes_to_write},
    {"flush", tcp_socket_flush},
    {"closeWriteChannel", tcp_socket_close_write_channel},
    {NULL, NULL},
};
