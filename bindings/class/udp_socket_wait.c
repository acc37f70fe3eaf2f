/*
 * Waiting on a UdpSocket: Qt's waitFor… and, beyond Qt, receive. Each suspends only the calling handler (D2).
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/udp_socket.h"

#include "net/udp_connect.h"
#include "net/udp_input.h"
#include "net/udp_socket.h"
#include "object/arguments.h"
#include "object/datagram_info.h"
#include "object/result.h"
#include "run/wait.h"

#define check_socket(L, parameters) binding_check(L, parameters, mp_udp_socket, MP_UDP_SOCKET)

#define QT_WAIT 30000.0

#define BIT(name) MP_SIGNAL_BIT(MP_SIGNAL_##name)

/* The fault of an end, or of an attempt that has failed. */
static enum mp_fault end_fault(const mp_udp_socket *socket) {
    return socket->fault != MP_FAULT_NONE && socket->fault != MP_FAULT_WAIT_TIMEOUT
               ? (enum mp_fault)socket->fault
               : MP_FAULT_NOT_CONNECTED;
}

/* A wait of Qt's has timed out: this sets the socket's error and emits errorOccurred. */
static int timed_out(lua_State *L, mp_udp_socket *socket, const char *what) {
    if (binding_outcome(L) == WAIT_CANCELLED)
        return binding_fail(L, what, MP_FAULT_CANCELLED);
    binding_anchor(L, 1, &socket->object);
    return binding_fail(L, what, mp_udp_fail(socket, MP_FAULT_WAIT_TIMEOUT));
}

/* --- waitForConnected ----------------------------------------------------------------------------------- */

static bool connect_over(const binding_wait *wait) {
    return !((const mp_udp_socket *)wait->object)->connecting;
}

static int waited_for_connected(lua_State *L, int status, lua_KContext context) {
    mp_udp_socket *socket = check_socket(L, BINDING_ANY);
    (void)status;
    (void)context;
    if (socket->state == MP_STATE_CONNECTED) {
        lua_pushboolean(L, 1);
        return 1;
    }
    if (socket->connecting && binding_outcome(L) == WAIT_CANCELLED)
        return binding_fail(L, "waitForConnected", MP_FAULT_CANCELLED);
    if (socket->connecting)
        mp_udp_connect_timed_out(socket);
    return binding_fail(L, "waitForConnected", end_fault(socket));
}

/* socket:waitForConnected([msec = 30000]) -> true | nil, message, code; a time-out ends the attempt */
static int udp_socket_wait_for_connected(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 1);
    binding_wait_request request = {.object = &socket->object,
                                    .test = connect_over,
                                    .signals = BIT(CONNECTED) | BIT(STATE_CHANGED) | BIT(ERROR_OCCURRED),
                                    .msec = binding_check_msec(L, 2, QT_WAIT)};
    if (!socket->connecting)
        return waited_for_connected(L, LUA_OK, 0);
    return binding_suspend(L, &request, waited_for_connected, 0);
}

/* --- waitForReadyRead and receive ----------------------------------------------------------------------- */

static bool is_readable(const binding_wait *wait) {
    const mp_udp_socket *socket = (const mp_udp_socket *)wait->object;
    return socket->in.count > 0 || !(mp_udp_is_open(socket) || socket->connecting);
}

static binding_wait_request reading(mp_udp_socket *socket, double msec) {
    return (binding_wait_request){.object = &socket->object,
                                  .test = is_readable,
                                  .signals = BIT(READY_READ) | BIT(DISCONNECTED) | BIT(STATE_CHANGED),
                                  .msec = msec};
}

static int waited_for_ready_read(lua_State *L, int status, lua_KContext context) {
    mp_udp_socket *socket = check_socket(L, BINDING_ANY);
    (void)status;
    (void)context;
    if (socket->in.count > 0) {
        binding_box_of(&socket->object)->unseen = false;
        lua_pushboolean(L, 1);
        return 1;
    }
    if (!mp_udp_is_open(socket) && !socket->connecting)
        return binding_fail(L, "waitForReadyRead", end_fault(socket));
    return timed_out(L, socket, "waitForReadyRead");
}

/* socket:waitForReadyRead([msec = 30000]) -> true if a datagram can be read | nil, message, code */
static int udp_socket_wait_for_ready_read(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 1);
    binding_wait_request request = reading(socket, binding_check_msec(L, 2, QT_WAIT));
    if (socket->in.count > 0 || (!mp_udp_is_open(socket) && !socket->connecting))
        return waited_for_ready_read(L, LUA_OK, 0);
    return binding_suspend(L, &request, waited_for_ready_read, 0);
}

/* Pushes the oldest datagram; 0 if there is none. */
static int push_next(lua_State *L, mp_udp_socket *socket) {
    binding_state *state = binding_state_of(L);
    binding_datagram_info *info = binding_push_datagram_info(L, state);
    mp_datagram datagram;
    if (!mp_udp_take(socket, &datagram))
        return 0;
    binding_push_datagram(L, state, &datagram, info);
    lua_rotate(L, -4, -1);
    return 4;
}

/* Stack: 1 socket, 2 deadline (ms, or -1). The context is 1 after a wait. */
static int go_on_receiving(lua_State *L, int status, lua_KContext context) {
    mp_udp_socket *socket = check_socket(L, BINDING_ANY);
    bool timed = context != 0 && binding_outcome(L) != WAIT_READY;
    (void)status;
    if (socket->in.count > 0) {
        int pushed = push_next(L, socket);
        if (pushed > 0)
            return pushed;
    }
    if (!mp_udp_is_open(socket) && !socket->connecting)
        return binding_fail(L, "receive", end_fault(socket));
    if (timed && binding_outcome(L) == WAIT_CANCELLED)
        return binding_fail(L, "receive", MP_FAULT_CANCELLED);
    double deadline = lua_tonumber(L, 2), left = deadline < 0 ? -1 : deadline - mp_loop_now();
    if (timed)
        return binding_fail(L, "receive", MP_FAULT_WAIT_TIMEOUT);
    lua_settop(L, 2);
    binding_wait_request request = reading(socket, deadline >= 0 && left < 0 ? 0 : left);
    return binding_suspend(L, &request, go_on_receiving, 1);
}

/* socket:receive([msec = -1]) -> data, address, port, info | nil, message, code */
static int udp_socket_receive(lua_State *L) {
    (void)check_socket(L, 1);
    double msec = binding_check_msec(L, 2, -1);
    lua_settop(L, 1);
    lua_pushnumber(L, msec < 0 ? -1 : mp_loop_now() + msec);
    return go_on_receiving(L, LUA_OK, 0);
}

/* --- waitForBytesWritten and waitForDisconnected -------------------------------------------------------- */

static bool is_written(const binding_wait *wait) {
    const mp_udp_socket *socket = (const mp_udp_socket *)wait->object;
    return socket->datagrams_sent != wait->mark || socket->out.count == 0;
}

static int waited_for_bytes_written(lua_State *L, int status, lua_KContext context) {
    mp_udp_socket *socket = check_socket(L, BINDING_ANY);
    (void)status;
    if (socket->datagrams_sent != (uint64_t)context) {
        lua_pushboolean(L, 1);
        return 1;
    }
    if (!mp_udp_is_open(socket))
        return binding_fail(L, "waitForBytesWritten", end_fault(socket));
    if (socket->out.count == 0)
        return binding_fail(L, "waitForBytesWritten", MP_FAULT_NOTHING_QUEUED);
    return timed_out(L, socket, "waitForBytesWritten");
}

/* socket:waitForBytesWritten([msec = 30000]) -> true | nil, message, code, at once if nothing is queued */
static int udp_socket_wait_for_bytes_written(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 1);
    binding_wait_request request = {.object = &socket->object,
                                    .test = is_written,
                                    .signals = BIT(BYTES_WRITTEN) | BIT(ERROR_OCCURRED) | BIT(STATE_CHANGED),
                                    .mark = socket->datagrams_sent,
                                    .msec = binding_check_msec(L, 2, QT_WAIT)};
    if (socket->out.count == 0)
        return waited_for_bytes_written(L, LUA_OK, (lua_KContext)socket->datagrams_sent);
    return binding_suspend(L, &request, waited_for_bytes_written, (lua_KContext)socket->datagrams_sent);
}

static bool unconnected(const binding_wait *wait) {
    return ((const mp_udp_socket *)wait->object)->state == MP_STATE_UNCONNECTED;
}

static int waited_for_disconnected(lua_State *L, int status, lua_KContext context) {
    mp_udp_socket *socket = check_socket(L, BINDING_ANY);
    (void)status;
    (void)context;
    if (socket->state != MP_STATE_UNCONNECTED)
        return timed_out(L, socket, "waitForDisconnected");
    lua_pushboolean(L, 1);
    return 1;
}

/* socket:waitForDisconnected([msec = 30000]) -> true | nil, message, code */
static int udp_socket_wait_for_disconnected(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 1);
    binding_wait_request request = {.object = &socket->object,
                                    .test = unconnected,
                                    .signals = BIT(DISCONNECTED) | BIT(STATE_CHANGED),
                                    .lets_close = true,
                                    .msec = binding_check_msec(L, 2, QT_WAIT)};
    if (socket->state == MP_STATE_UNCONNECTED)
        return binding_fail(L, "waitForDisconnected", MP_FAULT_NOT_CONNECTED);
    return binding_suspend(L, &request, waited_for_disconnected, 0);
}

const luaL_Reg binding_udp_waiting[] = {
    {"waitForConnected", udp_socket_wait_for_connected},
    {"waitForReadyRead", udp_socket_wait_for_ready_read},
    {"waitForBytesWritten", udp_socket_wait_for_bytes_written},
    {"waitForDisconnected", udp_socket_wait_for_disconnected},
    {"receive", udp_socket_receive},
    {NULL, NULL},
};
