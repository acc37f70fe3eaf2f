/*
 * Waiting on a TcpSocket: Qt's waitFor… and, beyond Qt, receive and lines. Each suspends only the calling
 * handler (D2).
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "class/tcp_socket.h"
#include "net/stream_input.h"
#include "net/stream_output.h"
#include "net/tcp_socket.h"
#include "object/arguments.h"
#include "object/result.h"
#include "object/suggestion.h"
#include "run/wait.h"

#define check_socket(L, parameters) binding_check(L, parameters, mp_stream, MP_TCP_SOCKET)

#define QT_WAIT 30000.0

#define BIT(name) MP_SIGNAL_BIT(MP_SIGNAL_##name)

/* Ends any wait: the connection's end. */
#define END_SIGNALS (BIT(ERROR_OCCURRED) | BIT(READ_CHANNEL_FINISHED) | BIT(DISCONNECTED) | BIT(FINISHED))

/* A wait of Qt's has timed out: this sets the socket's error and emits errorOccurred. */
static int timed_out(lua_State *L, mp_stream *socket, const char *what) {
    assert(lua_touserdata(L, 1) == binding_box_of(&socket->object) && binding_outcome(L) != WAIT_RUNNING);
    if (binding_outcome(L) == WAIT_CANCELLED)
        return binding_fail(L, what, MP_FAULT_CANCELLED);
    if (socket->object.behaviour->kind == MP_PROCESS) /* only the caller learns of it */
        return binding_fail_of(L, what, socket, MP_FAULT_WAIT_TIMEOUT);
    socket->fault = MP_FAULT_WAIT_TIMEOUT;
    binding_anchor(L, 1, &socket->object);
    mp_object_emit(&socket->object, MP_SIGNAL_ERROR_OCCURRED, MP_FAULT_WAIT_TIMEOUT);
    return binding_fail(L, what, MP_FAULT_WAIT_TIMEOUT);
}

/* A pipe moves what arrives. */
static void refuse_piped(lua_State *L, const mp_stream *socket, const char *what) {
    if (mp_stream_is_piped(socket))
        (void)binding_fail(L, what, MP_FAULT_PIPED);
}

/* --- waitForConnected ----------------------------------------------------------------------------------- */

static bool connect_over(const binding_wait *wait) {
    return !mp_stream_is_connecting((const mp_stream *)wait->object);
}

static int waited_for_connected(lua_State *L, int status, lua_KContext context) {
    mp_stream *socket = check_socket(L, BINDING_ANY);
    (void)status;
    (void)context;
    if (socket->state == MP_STATE_CONNECTED || socket->state == MP_STATE_CLOSING ||
        mp_stream_was_connected(socket)) {
        lua_pushboolean(L, 1);
        return 1;
    }
    if (mp_stream_is_connecting(socket) && binding_outcome(L) == WAIT_CANCELLED)
        return binding_fail(L, "waitForConnected", MP_FAULT_CANCELLED);
    if (mp_stream_is_connecting(socket))
        mp_tcp_socket_connect_timed_out((mp_tcp_socket *)socket);
    return binding_fail_of(L, "waitForConnected", socket, mp_stream_end_fault(socket));
}

/* socket:waitForConnected([msec = 30000]) -> true | nil, message, code; a time-out ends the attempt */
static int tcp_socket_wait_for_connected(lua_State *L) {
    mp_stream *socket = check_socket(L, 1);
    binding_wait_request request = {.object = &socket->object,
                                    .test = connect_over,
                                    .signals = END_SIGNALS | BIT(CONNECTED),
                                    .msec = binding_check_msec(L, 2, QT_WAIT)};
    if (socket->state == MP_STATE_CONNECTED) {
        lua_pushboolean(L, 1);
        return 1;
    }
    if (!mp_stream_is_connecting(socket))
        return binding_fail_of(L, "waitForConnected", socket, mp_stream_end_fault(socket));
    return binding_suspend(L, &request, waited_for_connected, 0);
}

/* --- waitForReadyRead ----------------------------------------------------------------------------------- */

static bool input_came(const binding_wait *wait) {
    const mp_stream *socket = (const mp_stream *)wait->object;
    return socket->bytes_read != wait->mark || mp_stream_at_end(socket);
}

/* A wait has seen the input that arrived while a readyRead handler was suspended. */
static void seen(mp_stream *socket) {
    binding_box_of(&socket->object)->unseen = false;
}

static int waited_for_ready_read(lua_State *L, int status, lua_KContext context) {
    mp_stream *socket = check_socket(L, BINDING_ANY);
    (void)status;
    if (socket->bytes_read != (uint64_t)context) {
        seen(socket);
        lua_pushboolean(L, 1);
        return 1;
    }
    if (mp_stream_at_end(socket))
        return binding_fail_of(L, "waitForReadyRead", socket, mp_stream_end_fault(socket));
    return timed_out(L, socket, "waitForReadyRead");
}

/* socket:waitForReadyRead([msec = 30000]) -> true | nil, message, code; waits for new data, as in Qt */
static int tcp_socket_wait_for_ready_read(lua_State *L) {
    mp_stream *socket = check_socket(L, 1);
    binding_wait_request request = {.object = &socket->object,
                                    .test = input_came,
                                    .signals = END_SIGNALS | BIT(READY_READ) | BIT(STATE_CHANGED),
                                    .mark = socket->bytes_read,
                                    .msec = binding_check_msec(L, 2, QT_WAIT)};
    refuse_piped(L, socket, "waitForReadyRead");
    if (mp_stream_at_end(socket))
        return binding_fail_of(L, "waitForReadyRead", socket, mp_stream_end_fault(socket));
    return binding_suspend(L, &request, waited_for_ready_read, (lua_KContext)socket->bytes_read);
}

/* --- waitForBytesWritten -------------------------------------------------------------------------------- */

static bool output_went(const binding_wait *wait) {
    const mp_stream *socket = (const mp_stream *)wait->object;
    return socket->bytes_sent != wait->mark || socket->state == MP_STATE_UNCONNECTED ||
           mp_stream_unsent(socket) == 0;
}

/* An empty queue of a socket that can still write is no failure of the connection. */
static enum mp_fault why_nothing_goes(const mp_stream *socket) {
    bool ended = socket->state == MP_STATE_UNCONNECTED ||
                 mp_stream_can_write(socket, 0) == MP_FAULT_NOT_CONNECTED;
    return ended ? mp_stream_end_fault(socket) : MP_FAULT_NOTHING_QUEUED;
}

static int waited_for_bytes_written(lua_State *L, int status, lua_KContext context) {
    mp_stream *socket = check_socket(L, BINDING_ANY);
    (void)status;
    if (socket->bytes_sent != (uint64_t)context) {
        lua_pushboolean(L, 1);
        return 1;
    }
    if (socket->state == MP_STATE_UNCONNECTED || mp_stream_unsent(socket) == 0)
        return binding_fail_of(L, "waitForBytesWritten", socket, why_nothing_goes(socket));
    return timed_out(L, socket, "waitForBytesWritten");
}

/* socket:waitForBytesWritten([msec = 30000]) -> true | nil, message, code, at once if nothing is queued */
static int tcp_socket_wait_for_bytes_written(lua_State *L) {
    mp_stream *socket = check_socket(L, 1);
    binding_wait_request request = {.object = &socket->object,
                                    .test = output_went,
                                    .signals = END_SIGNALS | BIT(BYTES_WRITTEN),
                                    .mark = socket->bytes_sent,
                                    .msec = binding_check_msec(L, 2, QT_WAIT)};
    if (socket->state == MP_STATE_UNCONNECTED || mp_stream_unsent(socket) == 0)
        return binding_fail_of(L, "waitForBytesWritten", socket, why_nothing_goes(socket));
    return binding_suspend(L, &request, waited_for_bytes_written, (lua_KContext)socket->bytes_sent);
}

/* --- waitForDisconnected -------------------------------------------------------------------------------- */

static bool unconnected(const binding_wait *wait) {
    return ((const mp_stream *)wait->object)->state == MP_STATE_UNCONNECTED;
}

static int waited_for_disconnected(lua_State *L, int status, lua_KContext context) {
    mp_stream *socket = check_socket(L, BINDING_ANY);
    (void)status;
    (void)context;
    if (socket->state != MP_STATE_UNCONNECTED)
        return timed_out(L, socket, "waitForDisconnected");
    if (mp_stream_connect_failed(socket))
        return binding_fail_of(L, "waitForDisconnected", socket, mp_stream_end_fault(socket));
    lua_pushboolean(L, 1);
    return 1;
}

/* socket:waitForDisconnected([msec = 30000]) -> true | nil, message, code */
static int tcp_socket_wait_for_disconnected(lua_State *L) {
    mp_stream *socket = check_socket(L, 1);
    binding_wait_request request = {.object = &socket->object,
                                    .test = unconnected,
                                    .signals = BIT(DISCONNECTED) | BIT(ERROR_OCCURRED),
                                    .lets_close = true,
                                    .msec = binding_check_msec(L, 2, QT_WAIT)};
    if (socket->state == MP_STATE_UNCONNECTED)
        return binding_fail(L, "waitForDisconnected", MP_FAULT_NOT_CONNECTED);
    if (mp_stream_is_connecting(socket))
        request.signals |= BIT(STATE_CHANGED); /* an attempt that fails or is aborted has no disconnected */
    return binding_suspend(L, &request, waited_for_disconnected, 0);
}

/* --- receive and lines ---------------------------------------------------------------------------------- */

/* What receive must get: a number of bytes, or one of these. */
#define A_LINE (-1)
#define ALL (-2)

/* The size of what can be taken now, or 0 if more must arrive (or the end). *strip is the number of bytes
   of a line's end. */
static size_t complete(const mp_stream *socket, lua_Integer wanted, bool keep_end, size_t *strip) {
    size_t size;
    const char *data = mp_stream_peek(socket, &size);
    *strip = 0;
    if (wanted == ALL)
        return 0;
    if (wanted != A_LINE)
        return size >= (size_t)wanted ? (size_t)wanted : 0;
    size = mp_stream_line(socket);
    if (size > 0 && !keep_end)
        *strip = size > 1 && data[size - 2] == '\r' ? 2 : 1;
    return size;
}

static void take(lua_State *L, mp_stream *socket, size_t size, size_t strip) {
    const char *data = mp_stream_peek(socket, &(size_t){0});
    binding_note_input(socket->object.loop->owner, size);
    lua_pushlstring(L, data, size - strip);
    mp_stream_consume(socket, size);
    seen(socket);
}

/* Nothing more can arrive before something is read: a line or a block is larger than the read buffer's
   limit. */
static bool is_full(const mp_stream *socket) {
    size_t limit = mp_stream_limits(socket)->read_buffer, size;
    (void)mp_stream_peek(socket, &size);
    return limit > 0 && size >= limit;
}

/* A receive of `mark` can go on: there is enough, or no more will arrive. */
static bool can_receive(const binding_wait *wait) {
    const mp_stream *socket = (const mp_stream *)wait->object;
    size_t strip;
    return mp_stream_at_end(socket) || is_full(socket) ||
           complete(socket, (lua_Integer)wait->mark, false, &strip) > 0;
}

static double deadline_of(double msec) {
    return msec < 0 ? -1 : mp_loop_now() + msec;
}

/* The state of a receive is on its stack: 1 socket, 2 wanted, 3 deadline (ms, or -1). */
static int go_on_receiving(lua_State *L, int status, lua_KContext context);

/* nil, message, code, and what had arrived, which is removed from the buffer. */
static int receive_failed(lua_State *L, mp_stream *socket, enum mp_fault fault) {
    size_t size;
    int n = binding_fail_of(L, "receive", socket, fault);
    (void)mp_stream_peek(socket, &size);
    take(L, socket, size, 0);
    return n + 1;
}

/* True if the connection ended, and neither its peer nor the script ended it. Then what arrived isn't
   all. */
static bool was_cut(const mp_stream *socket) {
    enum mp_fault fault = mp_stream_end_fault(socket);
    return fault != MP_FAULT_NOT_CONNECTED && fault != MP_FAULT_REMOTE_CLOSED;
}

static int receive_more(lua_State *L, mp_stream *socket) {
    refuse_piped(L, socket, "receive");
    lua_Integer wanted = lua_tointeger(L, 2);
    double deadline = lua_tonumber(L, 3), left = binding_rest(L);
    size_t strip, size = complete(socket, wanted, false, &strip);
    if (size > 0) {
        take(L, socket, size, strip);
        return 1;
    }
    if (mp_stream_at_end(socket)) {
        (void)mp_stream_peek(socket, &size);
        if (wanted != ALL || was_cut(socket) || (size == 0 && socket->open_mode == MP_NOT_OPEN))
            return receive_failed(L, socket,
                                  socket->open_mode ? mp_stream_end_fault(socket) : MP_FAULT_NOT_OPEN);
        take(L, socket, size, 0);
        return 1;
    }
    if (is_full(socket))
        return receive_failed(L, socket, MP_FAULT_READ_BUFFER_FULL);
    if (deadline >= 0)
        left = fmin(left, deadline - mp_loop_now());
    if (left <= 0)
        return receive_failed(L, socket, MP_FAULT_WAIT_TIMEOUT);
    binding_wait_request request = {.object = &socket->object,
                                    .test = can_receive,
                                    .signals = END_SIGNALS | BIT(READY_READ) | BIT(STATE_CHANGED),
                                    .mark = (uint64_t)wanted,
                                    .msec = left};
    return binding_suspend(L, &request, go_on_receiving, 0);
}

static int go_on_receiving(lua_State *L, int status, lua_KContext context) {
    mp_stream *socket = check_socket(L, BINDING_ANY);
    (void)status;
    (void)context;
    seen(socket);
    if (binding_outcome(L) == WAIT_CANCELLED)
        return receive_failed(L, socket, MP_FAULT_CANCELLED);
    return receive_more(L, socket);
}

static lua_Integer check_wanted(lua_State *L) {
    if (lua_type(L, 2) == LUA_TNUMBER)
        return (lua_Integer)binding_check_size(L, 2, "the size");
    const char *text = lua_tostring(L, 2);
    if (text && strcmp(text, "line") == 0)
        return A_LINE;
    if (text && strcmp(text, "all") == 0)
        return ALL;
    const char *what = text ? lua_pushfstring(L, "'%s'", binding_shown(L, text)) : luaL_typename(L, 2);
    return luaL_argerror(L, 2,
                         lua_pushfstring(L, "a number of bytes, 'line' or 'all' expected, got %s", what));
}

/* socket:receive(n | "line" | "all"[, msec = 30000]) -> string | nil, message, code, partial */
static int tcp_socket_receive(lua_State *L) {
    mp_stream *socket = check_socket(L, 2);
    lua_Integer wanted = check_wanted(L);
    double msec = binding_check_msec(L, 3, QT_WAIT);
    lua_settop(L, 1);
    if (wanted == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    lua_pushinteger(L, wanted);
    lua_pushnumber(L, deadline_of(msec));
    return receive_more(L, socket);
}

/* The iterator of lines. Stack: 1 socket, 2 keepEnd. Context 1: after a wait. */
static int next_line(lua_State *L, int status, lua_KContext context) {
    mp_stream *socket = check_socket(L, BINDING_ANY);
    refuse_piped(L, socket, "lines");
    size_t strip, size = complete(socket, A_LINE, lua_toboolean(L, 2), &strip);
    (void)status;
    seen(socket);
    if (size > 0) {
        take(L, socket, size, strip);
        return 1;
    }
    if (context == 1 && binding_outcome(L) != WAIT_READY) {
        lua_pushnil(L);
        return 1;
    }
    if (mp_stream_at_end(socket)) {
        (void)mp_stream_peek(socket, &size);
        if (size > 0)
            take(L, socket, size, 0);
        else
            lua_pushnil(L);
        return 1;
    }
    if (is_full(socket)) { /* caused by the peer, so it doesn't raise */
        mp_stream_line_too_long(socket);
        lua_pushnil(L);
        return 1;
    }
    binding_wait_request request = {.object = &socket->object,
                                    .test = can_receive,
                                    .signals = END_SIGNALS | BIT(READY_READ) | BIT(STATE_CHANGED),
                                    .mark = (uint64_t)A_LINE,
                                    .msec = -1};
    return binding_suspend(L, &request, next_line, 1);
}

/* Upvalues: the state, the socket, keepEnd. */
static int lines_iterator(lua_State *L) {
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, lua_upvalueindex(3));
    return next_line(L, LUA_OK, 0);
}

/* socket:lines([keepEnd]) -> iterator over the lines until the end; without their "\n" or "\r\n" unless
   keepEnd */
static int tcp_socket_lines(lua_State *L) {
    refuse_piped(L, check_socket(L, 1), "lines");
    bool keep_end = lua_toboolean(L, 2);
    lua_pushlightuserdata(L, binding_state_of(L));
    lua_pushvalue(L, 1);
    lua_pushboolean(L, keep_end);
    lua_pushcclosure(L, lines_iterator, 3);
    return 1;
}

const luaL_Reg binding_socket_waiting[] = {
    {"waitForConnected", tcp_socket_wait_for_connected},
    {"waitForReadyRead", tcp_socket_wait_for_ready_read},
    {"waitForBytesWritten", tcp_socket_wait_for_bytes_written},
    {"waitForDisconnected", tcp_socket_wait_for_disconnected},
    {"receive", tcp_socket_receive},
    {"lines", tcp_socket_lines},
    {NULL, NULL},
};
