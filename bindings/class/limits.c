/*
 * The limits of connections, on a socket or, as a default for its connections, on a server: buffers, the
 * high-water mark, the idle time-out, half-open mode (D4, D10).
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/limits.h"

#include <math.h>

#include "net/stream_limits.h"
#include "net/tcp_server.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/suggestion.h"

static mp_limits *server_limits(lua_State *L, int parameters) {
    return &binding_check(L, parameters, mp_tcp_server, MP_TCP_SERVER)->listener->limits;
}

/* The limits that a getter reads. */
static const mp_limits *limits_of(lua_State *L, enum mp_kind kind) {
    return kind == MP_TCP_SERVER ? server_limits(L, 0)
                                 : mp_stream_limits(binding_check(L, 0, mp_stream, MP_TCP_SOCKET));
}

/* The limits that a setter changes; call apply() afterwards. */
static mp_limits *own_limits(lua_State *L, enum mp_kind kind) {
    if (kind == MP_TCP_SERVER)
        return server_limits(L, 1);
    mp_limits *limits = mp_stream_own_limits(binding_check(L, 1, mp_stream, MP_TCP_SOCKET));
    if (!limits)
        luaL_error(L, "out of memory");
    return limits;
}

static int apply(lua_State *L, enum mp_kind kind) {
    if (kind == MP_TCP_SOCKET && mp_stream_apply_limits(binding_check(L, 1, mp_stream, MP_TCP_SOCKET)) < 0)
        return luaL_error(L, "out of memory");
    return 0;
}

/* A setter and a getter of a member, in both classes. */
#define SIZE_LIMIT(member, set_name, get_name, words)                                                        \
    static int set_name(lua_State *L, enum mp_kind kind) {                                                   \
        binding_takes(L, 2);                                                                                 \
        size_t size = binding_check_size(L, 2, words);                                                       \
        own_limits(L, kind)->member = size;                                                                  \
        return apply(L, kind);                                                                               \
    }                                                                                                        \
    static int get_name(lua_State *L, enum mp_kind kind) {                                                   \
        lua_pushinteger(L, (lua_Integer)limits_of(L, kind)->member);                                         \
        return 1;                                                                                            \
    }

/* object:setReadBufferSize(n), object:readBufferSize() -> n; 0 = no limit */
SIZE_LIMIT(read_buffer, set_read_buffer_size, read_buffer_size, "the read buffer's size")

/* object:setWriteBufferLimit(n), object:writeBufferLimit() -> n; 0 = no limit */
SIZE_LIMIT(write_buffer, set_write_buffer_limit, write_buffer_limit, "the write buffer's limit")

/* object:setHighWaterMark(n), object:highWaterMark() -> n; 0 = off */
SIZE_LIMIT(high_water_mark, set_high_water_mark, high_water_mark, "the high-water mark")

/* The directions of an idle time-out; each is at the index of those that it ignores. */
static const char *const directions[] = {"both", "write", "read", NULL};

/* The argument "both", "read" or "write" -> the directions that don't count. */
static uint8_t check_ignored(lua_State *L, int index) {
    if (lua_isnoneornil(L, index))
        return 0;
    return (uint8_t)binding_check_name(L, index, "direction", binding_listed_name, directions);
}

/* object:setIdleTimeout(msec[, direction = "both"]); 0, -1 or infinite = none */
static int set_idle_timeout(lua_State *L, enum mp_kind kind) {
    binding_takes(L, 3);
    double msec = luaL_checknumber(L, 2);
    if (isnan(msec) || (msec < 0 && msec != -1))
        luaL_argerror(L, 2, "an idle time-out is not negative; 0 or -1 means none");
    uint8_t ignores = check_ignored(L, 3);
    lua_settop(L, 2);
    mp_limits *limits = own_limits(L, kind);
    limits->idle_timeout = msec > 0 && !isinf(msec) ? msec : 0;
    limits->idle_ignores = ignores;
    return apply(L, kind);
}

/* object:idleTimeout() -> msec, 0 = none; direction */
static int idle_timeout(lua_State *L, enum mp_kind kind) {
    const mp_limits *limits = limits_of(L, kind);
    binding_push_msec(L, limits->idle_timeout);
    lua_pushstring(L, directions[limits->idle_ignores]);
    return 2;
}

/* object:setAllowHalfOpen(boolean) */
static int set_allow_half_open(lua_State *L, enum mp_kind kind) {
    binding_takes(L, 2);
    luaL_checktype(L, 2, LUA_TBOOLEAN);
    own_limits(L, kind)->half_open = lua_toboolean(L, 2);
    return apply(L, kind);
}

/* object:allowHalfOpen() -> boolean */
static int allow_half_open(lua_State *L, enum mp_kind kind) {
    lua_pushboolean(L, limits_of(L, kind)->half_open);
    return 1;
}

/* clang-format off */
#define METHODS(X)                                                                                           \
    X(setReadBufferSize, set_read_buffer_size) X(readBufferSize, read_buffer_size)                           \
    X(setWriteBufferLimit, set_write_buffer_limit) X(writeBufferLimit, write_buffer_limit)                   \
    X(setHighWaterMark, set_high_water_mark) X(highWaterMark, high_water_mark)                               \
    X(setIdleTimeout, set_idle_timeout) X(idleTimeout, idle_timeout)                                         \
    X(setAllowHalfOpen, set_allow_half_open) X(allowHalfOpen, allow_half_open)

#define X(name, function)                                                                                    \
    static int tcp_server_##function(lua_State *L) { return function(L, MP_TCP_SERVER); }                    \
    static int tcp_socket_##function(lua_State *L) { return function(L, MP_TCP_SOCKET); }
METHODS(X)
#undef X

const luaL_Reg binding_server_limit_methods[] = {
#define X(name, function) {#name, tcp_server_##function},
    METHODS(X)
#undef X
    {NULL, NULL},
};

const luaL_Reg binding_socket_limit_methods[] = {
#define X(name, function) {#name, tcp_socket_##function},
    METHODS(X)
#undef X
    {NULL, NULL},
};
/* clang-format on */
