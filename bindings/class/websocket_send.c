/*
 * What a WebSocket sends: messages, pings, and its close. A message is one write, whose payload isn't copied
 * where a socket wouldn't copy it either; a client's is masked while it is copied.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "class/tcp_socket.h"
#include "class/websocket.h"
#include "loop/reserve.h"
#include "net/stream.h"
#include "net/stream_input.h"
#include "net/stream_output.h"
#include "object/arguments.h"
#include "object/result.h"
#include "system/system.h"

/* The longest payload that is put together with its head on the C stack. */
#define SHORT 500

static bool is_client(const binding_websocket *ws) {
    return !ws->reader.masked;
}

/* --- frames --------------------------------------------------------------------------------------------- */

/* Puts a whole frame together at `to`. -> bytes */
static size_t write_frame(const binding_websocket *ws, char *to, enum mp_websocket_opcode opcode,
                          const char *data, size_t size) {
    uint8_t mask[4];
    if (!is_client(ws)) {
        size_t head = mp_websocket_write_head(to, opcode, size, NULL);
        memcpy(to + head, data, size);
        return head + size;
    }
    mp_system_random(mask, sizeof mask);
    size_t head = mp_websocket_write_head(to, opcode, size, mask);
    mp_websocket_mask(to + head, data, size, mask, 0);
    return head + size;
}

/* Sends the string at `index`, which is `data`. */
static enum mp_fault send_frame(lua_State *L, binding_websocket *ws, int index,
                                enum mp_websocket_opcode opcode, const char *data, size_t size) {
    char frame[MP_WEBSOCKET_HEAD + SHORT];
    if (size <= SHORT)
        return mp_stream_write(ws->stream, frame, write_frame(ws, frame, opcode, data, size), MP_COPY);
    if (is_client(ws)) {
        char *copy = lua_newuserdatauv(L, MP_WEBSOCKET_HEAD + size, 0);
        return binding_queue(L, ws->stream, NULL, lua_gettop(L), copy,
                             write_frame(ws, copy, opcode, data, size));
    }
    binding_head head = {frame, mp_websocket_write_head(frame, opcode, size, NULL)};
    enum mp_fault fault = binding_queue(L, ws->stream, &head, index, data, size);
    if (fault == MP_FAULT_RESOURCE)
        mp_stream_abort(ws->stream);
    return fault;
}

enum mp_fault binding_send_control(binding_websocket *ws, enum mp_websocket_opcode opcode, const char *data,
                                   size_t size) {
    char frame[MP_WEBSOCKET_HEAD + MP_WEBSOCKET_CONTROL];
    return mp_stream_write(ws->stream, frame, write_frame(ws, frame, opcode, data, size), MP_COPY);
}

/* --- the end -------------------------------------------------------------------------------------------- */

static void close_due(mp_idle *idle) {
    binding_websocket *ws = MP_CONTAINER(idle, binding_websocket, idle);
    mp_idle_unwatch(idle);
    if (ws->stream->state != MP_STATE_UNCONNECTED)
        mp_stream_abort(ws->stream);
}

/* The close has close_time from now on. */
static void bound_close(binding_websocket *ws) {
    if (mp_reserve_is_whole())
        mp_idle_watch(&ws->idle, ws->stream->object.loop, ws->close_time, close_due);
    else
        mp_stream_abort(ws->stream);
}

void binding_send_websocket_close(binding_websocket *ws, uint16_t code, const char *reason, size_t size) {
    char payload[MP_WEBSOCKET_CONTROL];
    if (ws->state != WEBSOCKET_OPEN)
        return;
    ws->state = WEBSOCKET_CLOSING;
    if (ws->stream->state != MP_STATE_CONNECTED)
        return;
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    if (size > sizeof payload - 2)
        size = sizeof payload - 2;
    if (size > 0)
        memcpy(payload + 2, reason, size);
    size_t all = code == MP_WEBSOCKET_NO_CODE ? 0 : 2 + size;
    if (binding_send_control(ws, MP_WEBSOCKET_CLOSE, payload, all) != MP_FAULT_NONE)
        mp_stream_abort(ws->stream); /* the peer doesn't read */
    else
        bound_close(ws);
}

void binding_end_websocket(binding_websocket *ws, bool peer) {
    ws->state = WEBSOCKET_CLOSED;
    if (!peer && ws->stream->state != MP_STATE_UNCONNECTED)
        mp_stream_disconnect(ws->stream);
}

/* --- whether the peer is there -------------------------------------------------------------------------- */

/* True if it can't be said that nothing has come: it lies unread, or it isn't received while the peer still
   takes what is sent. */
static bool is_unknown(binding_websocket *ws) {
    size_t unread;
    (void)mp_stream_peek(ws->stream, &unread);
    bool waits = ws->dispatching || mp_stream_is_deaf(ws->stream) || ws->stream->bytes_read != ws->got;
    ws->got = ws->stream->bytes_read;
    if (ws->stream->paused || (unread > 0 && waits))
        return true;
    bool takes = mp_stream_unsent(ws->stream) > 0 && ws->stream->bytes_sent != ws->sent;
    ws->sent = ws->stream->bytes_sent;
    return takes;
}

static void input_due(mp_idle *idle) {
    binding_websocket *ws = MP_CONTAINER(idle, binding_websocket, idle);
    mp_idle_touch(idle);
    if (ws->stream->state != MP_STATE_CONNECTED) {
        mp_idle_unwatch(idle);
    } else if (is_unknown(ws)) {
        ws->pinged = false;
    } else if (ws->pinged) {
        mp_idle_unwatch(idle);
        mp_stream_fail(ws->stream, MP_FAULT_IDLE_TIMEOUT);
    } else {
        ws->pinged = true;
        (void)binding_send_control(ws, MP_WEBSOCKET_PING, "", 0);
    }
}

void binding_watch_websocket(lua_State *L, binding_websocket *ws, double msec) {
    if (!mp_reserve_is_whole())
        luaL_error(L, "not enough memory");
    if (msec > 0)
        mp_idle_watch(&ws->idle, ws->stream->object.loop, msec, input_due);
}

/* --- methods -------------------------------------------------------------------------------------------- */

static int send_failed(lua_State *L, const char *what, const binding_websocket *ws) {
    enum mp_fault fault = ws->stream->state == MP_STATE_CONNECTED ? MP_FAULT_WRITE_CHANNEL_CLOSED
                                                                  : mp_stream_end_fault(ws->stream);
    return binding_fail_of(L, what, ws->stream, fault);
}

/* ws:send(message[, kind = "text"]) -> true | nil, message, code */
static int websocket_send(lua_State *L) {
    static const char *const kinds[] = {"text", "binary", NULL};
    binding_websocket *ws = binding_check_websocket(L, 2);
    size_t size;
    const char *data = luaL_checklstring(L, 2, &size);
    bool text = lua_isnoneornil(L, 3) || luaL_checkoption(L, 3, NULL, kinds) == 0;
    if (text && !mp_utf8_is_text(data, size))
        return luaL_argerror(L, 2, "not UTF-8, as a text must be; send it as \"binary\"");
    if (ws->state != WEBSOCKET_OPEN)
        return send_failed(L, "send", ws);
    enum mp_fault fault = send_frame(L, ws, 2, text ? MP_WEBSOCKET_TEXT : MP_WEBSOCKET_BINARY, data, size);
    return binding_result_of(L, "send", ws->stream, fault);
}

/* ws:ping([data]) -> true | nil, message, code */
static int websocket_ping(lua_State *L) {
    binding_websocket *ws = binding_check_websocket(L, 1);
    size_t size;
    const char *data = luaL_optlstring(L, 2, "", &size);
    luaL_argcheck(L, size <= MP_WEBSOCKET_CONTROL, 2, "longer than 125 bytes");
    if (ws->state != WEBSOCKET_OPEN)
        return send_failed(L, "ping", ws);
    return binding_result_of(L, "ping", ws->stream, binding_send_control(ws, MP_WEBSOCKET_PING, data, size));
}

/* ws:close([code = 1000[, reason]]) */
static int websocket_close(lua_State *L) {
    binding_websocket *ws = binding_check_websocket(L, 2);
    size_t size;
    lua_Integer code = luaL_optinteger(L, 2, MP_WEBSOCKET_NORMAL);
    const char *reason = luaL_optlstring(L, 3, "", &size);
    luaL_argcheck(L, mp_websocket_is_code(code), 2, "no code that a close may have");
    luaL_argcheck(L, size <= MP_WEBSOCKET_CONTROL - 2, 3, "longer than 123 bytes");
    luaL_argcheck(L, mp_utf8_is_text(reason, size), 3, "not UTF-8");
    binding_send_websocket_close(ws, (uint16_t)code, reason, size);
    return 0;
}

/* Of a variable that ends, or an error. */
static int websocket_leave(lua_State *L) {
    binding_websocket *ws = binding_check_websocket(L, 1);
    binding_send_websocket_close(ws, lua_isnoneornil(L, 2) ? MP_WEBSOCKET_NORMAL : MP_WEBSOCKET_ERROR, "", 0);
    return 0;
}

/* ws:bytesToWrite() -> n */
static int websocket_bytes_to_write(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)mp_stream_unsent(binding_check_websocket(L, 0)->stream));
    return 1;
}

const luaL_Reg binding_websocket_sending[] = {
    {"send", websocket_send},     {"ping", websocket_ping},
    {"close", websocket_close},   {"bytesToWrite", websocket_bytes_to_write},
    {"__close", websocket_leave}, {NULL, NULL},
};
