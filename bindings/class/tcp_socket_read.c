/*
 * Reading from a TcpSocket: QIODevice's members on the data that has arrived. None of these waits.
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "class/tcp_socket.h"
#include "net/stream_input.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/result.h"

#define check_socket(L, parameters) binding_check(L, parameters, mp_stream, MP_TCP_SOCKET)
#define check_at_once(L, parameters)                                                                         \
    ((mp_stream *)binding_object(binding_check_self_at_once(L, parameters, MP_TCP_SOCKET)))

/* From this size on a reader may get the input's memory instead of a copy. */
#define LARGE 32768

/* Pushes the first `size` unread bytes; in text mode without carriage returns. */
static void push_bytes(lua_State *L, const mp_stream *socket, const char *data, size_t size) {
    binding_note_input(socket->object.loop->owner, size);
    if (!(socket->open_mode & MP_TEXT)) {
        lua_pushlstring(L, data, size);
        return;
    }
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, size);
    size_t unread, kept = 0;
    /* Looked up again, since a finaliser of the script may have read from the socket or closed it. */
    data = mp_stream_peek(socket, &unread);
    if (size > unread)
        size = unread;
    for (size_t i = 0; i < size; i++)
        if (data[i] != '\r')
            out[kept++] = data[i];
    luaL_pushresultsize(&buffer, kept);
}

/* Pushes all unread bytes without a copy. */
static bool adopt(lua_State *L, mp_stream *socket) {
    const binding_state *state = socket->object.loop->owner;
    return state->host && !(socket->open_mode & MP_TEXT) && state->host->adopt(L, socket);
}

/* Pushes the first `size` unread bytes, then removes them. A finaliser of the script may run in between. */
static void take_bytes(lua_State *L, mp_stream *socket, const char *data, size_t size) {
    size_t unread;
    (void)mp_stream_peek(socket, &unread);
    assert(size <= unread);
    if (size >= LARGE && size == unread && adopt(L, socket)) {
        binding_note_input(socket->object.loop->owner, size);
        return;
    }
    push_bytes(L, socket, data, size);
    mp_stream_consume(socket, size);
}

/* The number of unread bytes that contain `wanted` bytes for the reader: in text mode carriage returns
   don't count. */
static size_t span(const mp_stream *socket, const char *data, size_t size, size_t wanted) {
    if (!(socket->open_mode & MP_TEXT))
        return wanted < size ? wanted : size;
    size_t i, kept = 0;
    for (i = 0; i < size && kept < wanted; i++)
        kept += data[i] != '\r';
    return i;
}

/* Why a socket with nothing to read has no more to give, or MP_FAULT_NONE if more may arrive. */
static enum mp_fault read_fault(const mp_stream *socket) {
    if (socket->open_mode == MP_NOT_OPEN)
        return MP_FAULT_NOT_OPEN;
    if (!(socket->open_mode & MP_READ_ONLY))
        return mp_stream_is_piped(socket) ? MP_FAULT_PIPED : MP_FAULT_WRITE_ONLY;
    /* The state is still Connected while errorOccurred reports the end, and while it is half-open. */
    if (socket->state == MP_STATE_CONNECTED && !mp_stream_read_ended(socket))
        return MP_FAULT_NONE;
    return mp_stream_end_fault(socket);
}

/* The unread bytes. If there are none, pushes "" or nil, message, code (their number in *pushed) and
   returns NULL. */
static const char *unread(lua_State *L, mp_stream *socket, const char *what, size_t *size, int *pushed) {
    const char *data = mp_stream_peek(socket, size);
    enum mp_fault fault = *size > 0 && (socket->open_mode & MP_READ_ONLY) ? MP_FAULT_NONE
                                                                          : read_fault(socket);
    if (fault != MP_FAULT_NONE) {
        *pushed = binding_fail_of(L, what, socket, fault);
        return NULL;
    }
    if (*size > 0)
        return data;
    lua_pushliteral(L, "");
    *pushed = 1;
    return NULL;
}

static int read_bytes(lua_State *L, const char *what, bool take) {
    mp_stream *socket = check_at_once(L, 1);
    size_t wanted = binding_check_size(L, 2, "maxSize"), size;
    int pushed = 0;
    if (wanted == 0 && (socket->open_mode & MP_READ_ONLY)) {
        lua_pushliteral(L, "");
        return 1;
    }
    const char *data = unread(L, socket, what, &size, &pushed);
    if (!data)
        return pushed;
    size = span(socket, data, size, wanted);
    if (take)
        take_bytes(L, socket, data, size);
    else
        push_bytes(L, socket, data, size);
    return 1;
}

/* socket:read(maxSize) -> string, "" if nothing is there now | nil, message, code at the end */
static int tcp_socket_read(lua_State *L) {
    return read_bytes(L, "read", true);
}

/* Raises for a stream whose bytes a pipe moves; else returns 0. */
static size_t refuse_piped(lua_State *L, const mp_stream *socket, const char *what) {
    return mp_stream_is_piped(socket) ? (size_t)binding_fail(L, what, MP_FAULT_PIPED) : 0;
}

/* socket:readAll() -> string, "" if nothing is there */
static int tcp_socket_read_all(lua_State *L) {
    mp_stream *socket = check_at_once(L, 0);
    size_t size;
    const char *data = mp_stream_peek(socket, &size);
    if (!(socket->open_mode & MP_READ_ONLY))
        size = refuse_piped(L, socket, "readAll");
    take_bytes(L, socket, data, size);
    return 1;
}

/* socket:readLine([maxSize]) -> what is there, at most up to and with "\n" | nil, message, code at the end */
static int tcp_socket_read_line(lua_State *L) {
    mp_stream *socket = check_socket(L, 1);
    size_t wanted = lua_isnoneornil(L, 2) ? 0 : binding_check_size(L, 2, "maxSize"), size;
    int pushed = 0;
    const char *data = unread(L, socket, "readLine", &size, &pushed);
    if (!data)
        return pushed;
    size = span(socket, data, size, wanted ? wanted : size);
    const char *newline = memchr(data, '\n', size);
    if (newline)
        size = (size_t)(newline - data) + 1;
    take_bytes(L, socket, data, size);
    return 1;
}

/* socket:canReadLine() -> boolean */
static int tcp_socket_can_read_line(lua_State *L) {
    lua_pushboolean(L, mp_stream_line(check_socket(L, 0)) > 0);
    return 1;
}

/* socket:peek(maxSize) -> as read, but nothing is removed */
static int tcp_socket_peek(lua_State *L) {
    return read_bytes(L, "peek", false);
}

/* socket:skip(maxSize) -> bytes skipped | nil, message, code at the end */
static int tcp_socket_skip(lua_State *L) {
    mp_stream *socket = check_socket(L, 1);
    size_t wanted = binding_check_size(L, 2, "maxSize"), size;
    const char *data = mp_stream_peek(socket, &size);
    bool can = size > 0 && (socket->open_mode & MP_READ_ONLY);
    enum mp_fault fault = can ? MP_FAULT_NONE : read_fault(socket);
    if (fault != MP_FAULT_NONE)
        return binding_fail_of(L, "skip", socket, fault);
    size = span(socket, data, size, wanted);
    mp_stream_consume(socket, size);
    lua_pushinteger(L, (lua_Integer)size);
    return 1;
}

/* socket:getChar() -> a string of one byte | nil, message, code */
static int tcp_socket_get_char(lua_State *L) {
    mp_stream *socket = check_socket(L, BINDING_ANY);
    size_t size;
    int pushed = 0;
    const char *data = unread(L, socket, "getChar", &size, &pushed);
    if (!data && pushed == 1)
        return binding_fail(L, "getChar", MP_FAULT_TEMPORARY);
    if (!data)
        return pushed;
    size = span(socket, data, size, 1);
    char c = data[size - 1];
    mp_stream_consume(socket, size);
    if (c == '\r' && (socket->open_mode & MP_TEXT)) /* nothing else was there */
        return binding_fail(L, "getChar", MP_FAULT_TEMPORARY);
    lua_pushlstring(L, &c, 1);
    return 1;
}

/* socket:ungetChar(c) -> true | nil, message, code */
static int tcp_socket_unget_char(lua_State *L) {
    mp_stream *socket = check_socket(L, 1);
    char c = binding_check_byte(L, 2);
    if (!(socket->open_mode & MP_READ_ONLY))
        return binding_fail(L, "ungetChar", read_fault(socket));
    int result = mp_stream_unget(socket, c);
    if (result == -EBUSY)
        return binding_fail(L, "ungetChar within a transaction", MP_FAULT_UNFINISHED);
    return binding_result(L, "ungetChar", result < 0 ? MP_FAULT_RESOURCE : MP_FAULT_NONE);
}

/* socket:bytesAvailable() -> n */
static int tcp_socket_bytes_available(lua_State *L) {
    size_t size;
    (void)mp_stream_peek(check_socket(L, 0), &size);
    lua_pushinteger(L, (lua_Integer)size);
    return 1;
}

/* socket:atEnd() -> true if it isn't open or nothing can be read now */
static int tcp_socket_at_end(lua_State *L) {
    mp_stream *socket = check_socket(L, 0);
    size_t size;
    (void)mp_stream_peek(socket, &size);
    lua_pushboolean(L, socket->open_mode == MP_NOT_OPEN || size == 0);
    return 1;
}

static int transaction_result(lua_State *L, const char *what, int result) {
    return binding_result(L, what, result < 0 ? MP_FAULT_UNFINISHED : MP_FAULT_NONE);
}

/* socket:startTransaction() -> true | nil, message, code within one */
static int tcp_socket_start_transaction(lua_State *L) {
    return transaction_result(L, "startTransaction", mp_stream_start_transaction(check_socket(L, 0)));
}

/* socket:commitTransaction() -> true | nil, message, code without one */
static int tcp_socket_commit_transaction(lua_State *L) {
    return transaction_result(L, "commitTransaction", mp_stream_commit_transaction(check_socket(L, 0)));
}

/* socket:rollbackTransaction() -> true | nil, message, code without one */
static int tcp_socket_rollback_transaction(lua_State *L) {
    return transaction_result(L, "rollbackTransaction", mp_stream_rollback_transaction(check_socket(L, 0)));
}

/* socket:isTransactionStarted() -> boolean */
static int tcp_socket_is_transaction_started(lua_State *L) {
    lua_pushboolean(L, mp_stream_in_transaction(check_socket(L, 0)));
    return 1;
}

/* socket:pauseReading() */
static int tcp_socket_pause_reading(lua_State *L) {
    mp_stream_pause(check_socket(L, BINDING_ANY));
    return 0;
}

/* socket:resumeReading(); signals again what is unread */
static int tcp_socket_resume_reading(lua_State *L) {
    mp_stream *socket = check_socket(L, BINDING_ANY);
    if (mp_stream_is_receiving(socket))
        binding_anchor(L, 1, &socket->object);
    mp_stream_resume(socket);
    return 0;
}

/* socket:isReadingPaused() -> boolean */
static int tcp_socket_is_reading_paused(lua_State *L) {
    lua_pushboolean(L, check_socket(L, 0)->paused);
    return 1;
}

const luaL_Reg binding_socket_reading[] = {
    {"read", tcp_socket_read},
    {"readAll", tcp_socket_read_all},
    {"readLine", tcp_socket_read_line},
    {"canReadLine", tcp_socket_can_read_line},
    {"peek", tcp_socket_peek},
    {"skip", tcp_socket_skip},
    {"getChar", tcp_socket_get_char},
    {"ungetChar", tcp_socket_unget_char},
    {"bytesAvailable", tcp_socket_bytes_available},
    {"size", tcp_socket_bytes_available},
    {"atEnd", tcp_socket_at_end},
    {"startTransaction", tcp_socket_start_transaction},
    {"commitTransaction", tcp_socket_commit_transaction},
    {"rollbackTransaction", tcp_socket_rollback_transaction},
    {"isTransactionStarted", tcp_socket_is_transaction_started},
    {"pauseReading", tcp_socket_pause_reading},
    {"resumeReading", tcp_socket_resume_reading},
    {"isReadingPaused", tcp_socket_is_reading_paused},
    {NULL, NULL},
};
