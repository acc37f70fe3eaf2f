/*
 * moonport.TcpSocket: QTcpSocket for Lua. This file has life, connecting, closing, state and options. The
 * device, reading, writing and waiting have their own files.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/tcp_socket.h"

#include <limits.h>
#include <string.h>

#include "class/limits.h"
#include "class/pipe.h"
#include "class/socket_setting.h"
#include "net/tcp_socket.h"
#include "object/arguments.h"
#include "object/endpoint.h"
#include "object/generation.h"
#include "object/object.h"
#include "run/wait.h"
#include "object/prototype.h"
#include "object/result.h"
#include "object/suggestion.h"
#include "object/surplus.h"

/* The socket at index 1 of a method that takes `parameters` arguments besides it. A process is a stream, and
   no socket. */
static mp_tcp_socket *check_socket(lua_State *L, int parameters) {
    mp_object *object = binding_object(binding_check_self(L, parameters, MP_TCP_SOCKET));
    if (object->behaviour->kind == MP_PROCESS)
        luaL_typeerror(L, 1, "TcpSocket");
    return (mp_tcp_socket *)object;
}

#define check_stream(L, parameters) binding_check(L, parameters, mp_stream, MP_TCP_SOCKET)

mp_tcp_socket *binding_push_new_socket(lua_State *L, binding_state *state, const mp_tcp_server *server) {
    binding_box *box = binding_new_box(L, state, MP_TCP_SOCKET, sizeof(mp_tcp_socket));
    mp_tcp_socket *socket = (mp_tcp_socket *)binding_object(box);
    binding_set_plain(L, state, MP_TCP_SOCKET, server);
    mp_tcp_socket_init(socket, mp_network_of(state->loop));
    return socket;
}

/* moonport.TcpSocket() -> socket */
int binding_new_tcp_socket(lua_State *L) {
    binding_takes_none(L, "pass the address to connectToHost(host, port)");
    binding_push_new_socket(L, binding_state_of(L), NULL);
    binding_made(L, -1);
    return 1;
}

static void destroy(mp_object *object) {
    mp_stream_destroy((mp_stream *)object);
}

static int socket_gc(lua_State *L) {
    return binding_finalise(L, destroy);
}

/* --- connecting and closing ----------------------------------------------------------------------------- */

/* socket, "unix:…", nil, openMode -> true | nil, message, code */
static int connect_to_local(lua_State *L, mp_tcp_socket *socket, const mp_local_name *name,
                            enum mp_fault fault) {
    int open_mode = binding_check_open_mode(L, 4, MP_READ_WRITE);
    binding_anchor(L, 1, &socket->stream.object);
    fault = fault != MP_FAULT_NONE && socket->stream.state == MP_STATE_UNCONNECTED
                ? mp_tcp_socket_refuse_connect(socket, fault)
                : mp_tcp_socket_connect_local(socket, name, open_mode);
    lua_pushfstring(L, "connectToHost %s", binding_shown(L, lua_tostring(L, 2)));
    return binding_result(L, lua_tostring(L, -1), fault);
}

/* socket:connectToHost(host, port[, openMode = "ReadWrite"[, protocol = "AnyIPProtocol"]]) or
   socket:connectToHost("unix:…"[, nil[, openMode]]) -> true | nil, message, code */
static int tcp_socket_connect_to_host(lua_State *L) {
    mp_tcp_socket *socket = check_socket(L, 4);
    char text[MP_ADDRESS_TEXT];
    mp_local_name name;
    enum mp_fault bad;
    if (binding_test_local(L, 2, 3, &name, &bad))
        return connect_to_local(L, socket, &name, bad);
    const char *host = binding_check_host(L, 2, text);
    uint16_t port = binding_check_port(L, 3, "connectToHost");
    int open_mode = binding_check_open_mode(L, 4, MP_READ_WRITE);
    enum mp_protocol protocol = binding_check_protocol(L, 5);
    binding_anchor(L, 1, &socket->stream.object);
    enum mp_fault fault = mp_tcp_socket_connect(socket, host, port, open_mode, protocol);
    if (fault == MP_FAULT_NONE)
        return binding_result(L, "", fault);
    lua_pushfstring(L, "connectToHost %s:%d", binding_shown(L, host), (int)port);
    return binding_fail(L, lua_tostring(L, -1), fault);
}

/* socket:disconnectFromHost() */
int binding_socket_disconnect(lua_State *L) {
    mp_tcp_socket *socket = check_socket(L, BINDING_ANY);
    if (socket->stream.state != MP_STATE_UNCONNECTED)
        mp_stream_disconnect(&socket->stream);
    return 0;
}

/* socket:abort() */
static int tcp_socket_abort(lua_State *L) {
    mp_tcp_socket *socket = check_socket(L, BINDING_ANY);
    binding_anchor(L, 1, &socket->stream.object);
    mp_stream_abort(&socket->stream);
    mp_object_check(&socket->stream.object);
    return 0;
}

/* socket:close() */
static int tcp_socket_close(lua_State *L) {
    mp_tcp_socket *socket = check_socket(L, BINDING_ANY);
    if (socket->stream.open_mode == MP_NOT_OPEN && socket->stream.state == MP_STATE_UNCONNECTED)
        return 0;
    binding_anchor(L, 1, &socket->stream.object);
    mp_stream_close(&socket->stream);
    mp_object_check(&socket->stream.object);
    return 0;
}

/* socket:bind([address = "any"[, port = 0[, mode]]]) -> true | nil, message, code */
static int tcp_socket_bind(lua_State *L) {
    mp_tcp_socket *socket = check_socket(L, 3);
    char what[BINDING_ENDPOINT + 16] = "bind ";
    mp_address address;
    uint16_t port;
    int mode;
    binding_check_bind(L, &address, &port, &mode);
    binding_anchor(L, 1, &socket->stream.object);
    binding_endpoint(what + strlen(what), &address, port);
    return binding_result(L, what, mp_tcp_socket_bind(socket, &address, port, mode));
}

static const char *state_name(const void *list, int i) {
    (void)list;
    return i < MP_STATE_COUNT ? binding_state_name(i) : NULL;
}

/* A state that an adopted descriptor can have. */
static enum mp_socket_state check_state(lua_State *L, int index) {
    int state = lua_isnoneornil(L, index) ? MP_STATE_CONNECTED
                                          : binding_check_name(L, index, "state", state_name, NULL);
    if (!mp_tcp_socket_can_adopt_as(state))
        luaL_argerror(L, index,
                      lua_pushfstring(L, "can't adopt a descriptor in '%s'", binding_state_name(state)));
    return (enum mp_socket_state)state;
}

/* socket:setSocketDescriptor(fd[, state = "ConnectedState"[, openMode = "ReadWrite"]]) -> true | nil,
   message, code */
int binding_socket_set_descriptor(lua_State *L) {
    mp_tcp_socket *socket = check_socket(L, 3);
    lua_Integer fd = luaL_checkinteger(L, 2);
    enum mp_socket_state state = check_state(L, 3);
    int open_mode = binding_check_open_mode(L, 4, MP_READ_WRITE);
    binding_anchor(L, 1, &socket->stream.object);
    enum mp_fault fault = mp_tcp_socket_set_descriptor(socket, fd >= 0 && fd <= INT_MAX ? (int)fd : -1, state,
                                                       open_mode);
    if (fault != MP_FAULT_NONE && fd != -1)
        socket->stream.fault = (uint8_t)fault;
    return binding_result(L, "setSocketDescriptor", fault);
}

/* --- state ---------------------------------------------------------------------------------------------- */

/* socket:state() -> "ConnectedState" … */
static int tcp_socket_state(lua_State *L) {
    lua_pushstring(L, binding_state_name(check_stream(L, 0)->state));
    return 1;
}

/* socket:error() -> code of the last error, "UnknownSocketError" if there was none */
static int tcp_socket_error(lua_State *L) {
    lua_pushstring(L, mp_fault_code(check_stream(L, 0)->fault));
    return 1;
}

/* socket:errorString() -> text */
static int tcp_socket_error_string(lua_State *L) {
    lua_pushstring(L, mp_stream_fault_text(check_stream(L, 0)));
    return 1;
}

/* socket:isValid() -> boolean */
static int tcp_socket_is_valid(lua_State *L) {
    lua_pushboolean(L, mp_stream_is_valid(check_stream(L, 0)));
    return 1;
}

/* socket:socketType() -> "TcpSocket" */
static int tcp_socket_socket_type(lua_State *L) {
    check_socket(L, 0);
    lua_pushliteral(L, "TcpSocket");
    return 1;
}

/* socket:socketDescriptor() -> fd or -1 */
static int tcp_socket_socket_descriptor(lua_State *L) {
    lua_pushinteger(L, mp_stream_descriptor(check_stream(L, 0)));
    return 1;
}

static int push_endpoint(lua_State *L, bool local, bool want_port) {
    mp_tcp_socket *socket = check_socket(L, 0);
    mp_address address;
    uint16_t port;
    if (local)
        mp_tcp_socket_local_address(socket, &address, &port);
    else
        mp_tcp_socket_peer_address(socket, &address, &port);
    if (want_port)
        lua_pushinteger(L, port);
    else
        binding_push_address(L, &address);
    return 1;
}

/* socket:localAddress() -> string or nil */
static int tcp_socket_local_address(lua_State *L) {
    return push_endpoint(L, true, false);
}

/* socket:localPort() -> port or 0 */
static int tcp_socket_local_port(lua_State *L) {
    return push_endpoint(L, true, true);
}

/* socket:peerAddress() -> string or nil */
static int tcp_socket_peer_address(lua_State *L) {
    return push_endpoint(L, false, false);
}

/* socket:peerPort() -> port or 0 */
static int tcp_socket_peer_port(lua_State *L) {
    return push_endpoint(L, false, true);
}

/* socket:peerName() -> the name given to connectToHost, or "" */
static int tcp_socket_peer_name(lua_State *L) {
    lua_pushstring(L, mp_tcp_socket_peer_name(check_socket(L, 0)));
    return 1;
}

/* socket:server() -> its TcpServer or nil */
static int tcp_socket_server(lua_State *L) {
    mp_tcp_server *server = mp_stream_server(check_stream(L, 0));
    if (server && server->object.anchor != 0)
        binding_push(L, &server->object);
    else
        lua_pushnil(L);
    return 1;
}

/* socket:bytesRead() -> total */
static int tcp_socket_bytes_read(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_stream(L, 0)->bytes_read);
    return 1;
}

/* socket:bytesSent() -> total */
static int tcp_socket_bytes_sent(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_stream(L, 0)->bytes_sent);
    return 1;
}

/* tostring(socket) */
static int tcp_socket_tostring(lua_State *L) {
    mp_tcp_socket *socket = check_socket(L, BINDING_ANY);
    const char *name = binding_kind_name(socket->stream.object.behaviour->kind);
    char text[BINDING_ENDPOINT];
    mp_address address;
    uint16_t port;
    mp_tcp_socket_peer_address(socket, &address, &port);
    if (mp_address_is_null(&address))
        lua_pushfstring(L, "%s(%s)", name, binding_state_name(socket->stream.state));
    else
        lua_pushfstring(L, "%s(%s, %s)", name, binding_endpoint(text, &address, port),
                        binding_state_name(socket->stream.state));
    return 1;
}

/* --- options -------------------------------------------------------------------------------------------- */

/* socket:setSocketOption(name, value) -> true | nil, message, code */
static int tcp_socket_set_socket_option(lua_State *L) {
    mp_tcp_socket *socket = check_socket(L, 2);
    int option = binding_check_socket_option(L);
    int value = binding_check_option_value(L);
    return binding_option_result(L, option, mp_tcp_socket_set_option(socket, option, value));
}

/* socket:socketOption(name) -> integer, or nil without a descriptor */
static int tcp_socket_socket_option(lua_State *L) {
    mp_tcp_socket *socket = check_socket(L, 1);
    int value, option = binding_check_socket_option(L);
    if (mp_tcp_socket_option(socket, option, &value) < 0)
        lua_pushnil(L);
    else
        lua_pushinteger(L, value);
    return 1;
}

static const luaL_Reg methods[] = {
    {"connectToHost", tcp_socket_connect_to_host},
    {"disconnectFromHost", binding_socket_disconnect},
    {"abort", tcp_socket_abort},
    {"close", tcp_socket_close},
    {"bind", tcp_socket_bind},
    {"setSocketDescriptor", binding_socket_set_descriptor},
    {"state", tcp_socket_state},
    {"error", tcp_socket_error},
    {"errorString", tcp_socket_error_string},
    {"isValid", tcp_socket_is_valid},
    {"socketType", tcp_socket_socket_type},
    {"socketDescriptor", tcp_socket_socket_descriptor},
    {"localAddress", tcp_socket_local_address},
    {"localPort", tcp_socket_local_port},
    {"peerAddress", tcp_socket_peer_address},
    {"peerPort", tcp_socket_peer_port},
    {"peerName", tcp_socket_peer_name},
    {"server", tcp_socket_server},
    {"bytesRead", tcp_socket_bytes_read},
    {"bytesSent", tcp_socket_bytes_sent},
    {"setSocketOption", tcp_socket_set_socket_option},
    {"socketOption", tcp_socket_socket_option},
    {NULL, NULL},
};

void binding_open_socket_class(lua_State *L, binding_state *state, enum mp_kind kind,
                               const luaL_Reg *const *own) {
    static const luaL_Reg none[] = {{NULL, NULL}};
    bool inherits = kind != MP_TCP_SOCKET;
    binding_new_class(L, state, kind, inherits ? none : methods);
    if (inherits)
        binding_inherit(L, state, MP_TCP_SOCKET);
    for (size_t i = 0; own[i]; i++) {
        lua_pushlightuserdata(L, state);
        luaL_setfuncs(L, own[i], 1);
    }
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    binding_finish_class(L, state, kind, socket_gc, tcp_socket_tostring, tcp_socket_close);
    binding_new_plain_class(L, state, kind);
}

void binding_open_tcp_socket(lua_State *L, binding_state *state) {
    const luaL_Reg *const parts[] = {binding_socket_device,
                                     binding_socket_reading,
                                     binding_socket_writing,
                                     binding_socket_waiting,
                                     binding_socket_limit_methods,
                                     binding_socket_files,
                                     NULL};
    binding_open_socket_class(L, state, MP_TCP_SOCKET, parts);
}
