/*
 * Descriptors that a LocalSocket passes to another process, or receives.
 *
 * SPDX-License-Identifier: MIT
 */
#include <limits.h>
#include <stdio.h>

#include "class/local_name.h"
#include "class/local_socket.h"
#include "net/stream.h"
#include "net/tcp_server.h"
#include "net/udp_state.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/result.h"
#include "run/wait.h"

#define check_socket(L, parameters) binding_check(L, parameters, mp_local_socket, MP_LOCAL_SOCKET)

#define QT_WAIT 30000.0

/* --- sending -------------------------------------------------------------------------------------------- */

/* The descriptor at `index`: a number, or that of a socket, a server or a file of io. -1: it has none now. */
static int check_descriptor(lua_State *L, int index) {
    if (lua_type(L, index) == LUA_TNUMBER) {
        lua_Integer fd = luaL_checkinteger(L, index);
        return fd >= 0 && fd <= INT_MAX ? (int)fd : -1;
    }
    const luaL_Stream *file = luaL_testudata(L, index, LUA_FILEHANDLE);
    if (file)
        return file->closef ? fileno(file->f) : -1;
    binding_box *box = binding_test_box(L, index, MP_TCP_SERVER);
    if (box)
        return mp_tcp_server_descriptor((const mp_tcp_server *)binding_object(box));
    box = binding_test_box(L, index, MP_TCP_SOCKET);
    if (box)
        return mp_stream_descriptor((const mp_stream *)binding_object(box));
    box = binding_test_box(L, index, MP_UDP_SOCKET);
    if (box)
        return mp_udp_socket_descriptor((const mp_udp_socket *)binding_object(box));
    luaL_typeerror(L, index, "descriptor, or an object that has one,");
    return -1;
}

/* socket:sendDescriptor(fd or object, data) -> true | nil, message, code */
static int local_socket_send_descriptor(lua_State *L) {
    mp_local_socket *socket = check_socket(L, 2);
    size_t size;
    int fd = check_descriptor(L, 2);
    const char *data = luaL_checklstring(L, 3, &size);
    luaL_argcheck(L, size > 0, 3, "a descriptor travels with at least one byte");
    return binding_result(L, "sendDescriptor", mp_local_socket_send_descriptor(socket, fd, data, size));
}

/* --- receiving ------------------------------------------------------------------------------------------ */

/* socket:setReceiveDescriptors(n); 0: none */
static int local_socket_set_receive_descriptors(lua_State *L) {
    mp_local_socket *socket = check_socket(L, 1);
    if (mp_local_socket_set_receive(socket, binding_check_descriptor_count(L, 2)) < 0)
        return luaL_error(L, "setReceiveDescriptors: out of memory");
    return 0;
}

/* socket:receiveDescriptors() -> n */
static int local_socket_receive_descriptors(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)mp_local_socket_receive_limit(check_socket(L, 0)));
    return 1;
}

static bool descriptor_came(const binding_wait *wait) {
    const mp_local_socket *socket = (const mp_local_socket *)wait->object;
    return mp_local_socket_descriptor_count(socket) > 0 || mp_stream_at_end(&socket->tcp.stream);
}

static int waited_for_descriptor(lua_State *L, int status, lua_KContext context) {
    mp_local_socket *socket = check_socket(L, BINDING_ANY);
    const mp_stream *stream = &socket->tcp.stream;
    int fd = mp_local_socket_take_descriptor(socket);
    (void)status;
    (void)context;
    if (fd >= 0) {
        lua_pushinteger(L, fd);
        return 1;
    }
    if (mp_stream_at_end(stream))
        return binding_fail_of(L, "receiveDescriptor", stream, mp_stream_end_fault(stream));
    return binding_fail(L, "receiveDescriptor", binding_wait_fault(L));
}

/* socket:receiveDescriptor([msec = 30000]) -> fd | nil, message, code; the descriptor is the script's to
   close */
static int local_socket_receive_descriptor(lua_State *L) {
    mp_local_socket *socket = check_socket(L, 1);
    binding_wait_request request = {
        .object = &socket->tcp.stream.object,
        .test = descriptor_came,
        .signals = MP_SIGNAL_BIT(MP_SIGNAL_READY_READ) | MP_SIGNAL_BIT(MP_SIGNAL_ERROR_OCCURRED) |
                   MP_SIGNAL_BIT(MP_SIGNAL_READ_CHANNEL_FINISHED) | MP_SIGNAL_BIT(MP_SIGNAL_DISCONNECTED) |
                   MP_SIGNAL_BIT(MP_SIGNAL_STATE_CHANGED),
        .msec = binding_check_msec(L, 2, QT_WAIT)};
    if (mp_local_socket_descriptor_count(socket) > 0 || mp_stream_at_end(&socket->tcp.stream))
        return waited_for_descriptor(L, LUA_OK, 0);
    if (mp_local_socket_receive_limit(socket) == 0)
        return luaL_error(L, "receiveDescriptor: call setReceiveDescriptors first");
    return binding_suspend(L, &request, waited_for_descriptor, 0);
}

const luaL_Reg binding_local_socket_descriptors[] = {
    {"sendDescriptor", local_socket_send_descriptor},
    {"setReceiveDescriptors", local_socket_set_receive_descriptors},
    {"receiveDescriptors", local_socket_receive_descriptors},
    {"receiveDescriptor", local_socket_receive_descriptor},
    {NULL, NULL},
};
