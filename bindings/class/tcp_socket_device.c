/*
 * A TcpSocket as QIODevice sees it: its open mode, text mode and channels. It is sequential, so it can't
 * seek.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/tcp_socket.h"

#include "net/stream.h"
#include "net/stream_output.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/result.h"

#define check_socket(L, parameters) binding_check(L, parameters, mp_stream, MP_TCP_SOCKET)

/* socket:open([openMode = "ReadWrite"]) -> true; clears both buffers, as QIODevice::open */
static int tcp_socket_open(lua_State *L) {
    mp_stream *socket = check_socket(L, 1);
    mp_stream_open(socket, binding_check_open_mode(L, 2, MP_READ_WRITE));
    lua_pushboolean(L, 1);
    return 1;
}

/* socket:openMode() -> "ReadWrite", "NotOpen", "ReadWrite|Text" … */
static int tcp_socket_open_mode(lua_State *L) {
    binding_push_open_mode(L, check_socket(L, 0)->open_mode);
    return 1;
}

/* socket:isOpen() -> boolean */
static int tcp_socket_is_open(lua_State *L) {
    lua_pushboolean(L, check_socket(L, 0)->open_mode != MP_NOT_OPEN);
    return 1;
}

/* socket:isReadable() -> boolean */
static int tcp_socket_is_readable(lua_State *L) {
    lua_pushboolean(L, check_socket(L, 0)->open_mode & MP_READ_ONLY);
    return 1;
}

/* socket:isWritable() -> boolean */
static int tcp_socket_is_writable(lua_State *L) {
    lua_pushboolean(L, check_socket(L, 0)->open_mode & MP_WRITE_ONLY);
    return 1;
}

/* socket:isSequential() -> true */
static int tcp_socket_is_sequential(lua_State *L) {
    check_socket(L, 0);
    lua_pushboolean(L, 1);
    return 1;
}

/* socket:pos() -> 0 */
static int tcp_socket_pos(lua_State *L) {
    check_socket(L, 0);
    lua_pushinteger(L, 0);
    return 1;
}

/* socket:seek(pos) -> nil, message, code: a socket can't seek */
static int tcp_socket_seek(lua_State *L) {
    check_socket(L, 1);
    (void)luaL_checkinteger(L, 2);
    return binding_fail(L, "seek", MP_FAULT_SEQUENTIAL);
}

/* socket:reset() -> nil, message, code */
static int tcp_socket_reset(lua_State *L) {
    check_socket(L, 0);
    return binding_fail(L, "reset", MP_FAULT_SEQUENTIAL);
}

/* socket:setTextModeEnabled(boolean) -> true | nil, message, code when not open */
static int tcp_socket_set_text_mode_enabled(lua_State *L) {
    mp_stream *socket = check_socket(L, 1);
    luaL_checktype(L, 2, LUA_TBOOLEAN);
    if (socket->open_mode == MP_NOT_OPEN)
        return binding_fail(L, "setTextModeEnabled", MP_FAULT_NOT_OPEN);
    if (lua_toboolean(L, 2))
        socket->open_mode |= MP_TEXT;
    else
        socket->open_mode = (uint8_t)(socket->open_mode & ~MP_TEXT);
    lua_pushboolean(L, 1);
    return 1;
}

/* socket:isTextModeEnabled() -> boolean */
static int tcp_socket_is_text_mode_enabled(lua_State *L) {
    lua_pushboolean(L, check_socket(L, 0)->open_mode & MP_TEXT);
    return 1;
}

static bool has_connection(const mp_stream *socket) {
    return socket->state == MP_STATE_CONNECTED || socket->state == MP_STATE_CLOSING;
}

/* socket:readChannelCount() -> 1 if it is readable and is or was connected, or open() has opened it; 0
   while connecting */
static int tcp_socket_read_channel_count(lua_State *L) {
    mp_stream *socket = check_socket(L, 0);
    bool has = has_connection(socket) || mp_stream_was_opened(socket) ||
               (socket->state == MP_STATE_UNCONNECTED && mp_stream_was_connected(socket));
    lua_pushinteger(L, has && (socket->open_mode & MP_READ_ONLY));
    return 1;
}

/* socket:writeChannelCount() -> 1 if it is writable and connected, until closeWriteChannel, or open() has
   opened it */
static int tcp_socket_write_channel_count(lua_State *L) {
    mp_stream *socket = check_socket(L, 0);
    bool has = has_connection(socket) ? !mp_stream_write_channel_closed(socket)
                                      : mp_stream_was_opened(socket);
    lua_pushinteger(L, has && (socket->open_mode & MP_WRITE_ONLY));
    return 1;
}

const luaL_Reg binding_socket_device[] = {
    {"open", tcp_socket_open},
    {"openMode", tcp_socket_open_mode},
    {"isOpen", tcp_socket_is_open},
    {"isReadable", tcp_socket_is_readable},
    {"isWritable", tcp_socket_is_writable},
    {"isSequential", tcp_socket_is_sequential},
    {"pos", tcp_socket_pos},
    {"seek", tcp_socket_seek},
    {"reset", tcp_socket_reset},
    {"setTextModeEnabled", tcp_socket_set_text_mode_enabled},
    {"isTextModeEnabled", tcp_socket_is_text_mode_enabled},
    {"readChannelCount", tcp_socket_read_channel_count},
    {"writeChannelCount", tcp_socket_write_channel_count},
    {NULL, NULL},
};
