/*
 * moonport.LocalSocket: QLocalSocket for Lua. It is a TcpSocket that connects to a Unix-domain socket.
 * local_socket_descriptors.c has what passes descriptors.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/local_socket.h"

#include <errno.h>
#include <limits.h>

#include "class/local_name.h"
#include "class/tcp_socket.h"
#include "net/local_server.h"
#include "object/arguments.h"
#include "object/generation.h"
#include "object/prototype.h"
#include "object/result.h"
#include "object/surplus.h"

#define check_socket(L, parameters) binding_check(L, parameters, mp_local_socket, MP_LOCAL_SOCKET)

mp_local_socket *binding_push_new_local_socket(lua_State *L, binding_state *state,
                                               const mp_tcp_server *server) {
    binding_box *box = binding_new_box(L, state, MP_LOCAL_SOCKET, sizeof(mp_local_socket));
    mp_local_socket *socket = (mp_local_socket *)binding_object(box);
    binding_set_plain(L, state, MP_LOCAL_SOCKET, server);
    mp_local_socket_init(socket, mp_network_of(state->loop));
    return socket;
}

/* moonport.LocalSocket() -> socket */
int binding_new_local_socket(lua_State *L) {
    binding_takes_none(L, "pass the name to connectToServer(name)");
    binding_push_new_local_socket(L, binding_state_of(L), NULL);
    binding_made(L, -1);
    return 1;
}

/* --- connecting ----------------------------------------------------------------------------------------- */

/* Keeps the name at `index`. Returns why it can't be used, or NONE. */
static enum mp_fault take_name(lua_State *L, mp_local_socket *socket, int index, mp_local_name *name) {
    size_t size;
    const char *asked = luaL_checklstring(L, index, &size);
    enum mp_fault fault = binding_check_local_name(L, index, mp_local_socket_is_abstract(socket), name);
    if (mp_local_socket_set_name(socket, asked, size, fault == MP_FAULT_NONE ? name : NULL) < 0)
        luaL_error(L, "LocalSocket: out of memory");
    return fault;
}

/* Connects to the name at index 2, or to the one that was set. */
static int connect_to(lua_State *L, mp_local_socket *socket, const char *what, int open_mode) {
    size_t size = 0;
    const char *asked = mp_local_socket_name(socket, &size);
    mp_local_name name = {.size = 0};
    enum mp_fault fault = MP_FAULT_NAME_INVALID;
    bool busy = socket->tcp.stream.state != MP_STATE_UNCONNECTED;
    if (lua_isnoneornil(L, 2)) {
        lua_settop(L, 1);
        lua_pushlstring(L, asked, size);
    }
    luaL_checkstring(L, 2);
    if (!busy)
        fault = take_name(L, socket, 2, &name);
    binding_anchor(L, 1, &socket->tcp.stream.object);
    fault = !busy && fault != MP_FAULT_NONE ? mp_tcp_socket_refuse_connect(&socket->tcp, fault)
                                            : mp_tcp_socket_connect_local(&socket->tcp, &name, open_mode);
    mp_object_check(&socket->tcp.stream.object);
    return binding_result_of_name(L, what, 2, fault);
}

/* socket:connectToServer([name[, openMode = "ReadWrite"]]) -> true | nil, message, code */
static int local_socket_connect_to_server(lua_State *L) {
    mp_local_socket *socket = check_socket(L, 2);
    return connect_to(L, socket, "connectToServer", binding_check_open_mode(L, 3, MP_READ_WRITE));
}

/* socket:connectToHost(name[, nil[, openMode = "ReadWrite"]]) -> true | nil, message, code */
static int local_socket_connect_to_host(lua_State *L) {
    mp_local_socket *socket = check_socket(L, 3);
    luaL_argcheck(L, lua_isnoneornil(L, 3), 3, "a Unix-domain socket has no port");
    return connect_to(L, socket, "connectToHost", binding_check_open_mode(L, 4, MP_READ_WRITE));
}

/* socket:open([openMode = "ReadWrite"]) -> true | nil, message, code; connects to the name that was set */
static int local_socket_open(lua_State *L) {
    mp_local_socket *socket = check_socket(L, 1);
    int open_mode = binding_check_open_mode(L, 2, MP_READ_WRITE);
    lua_settop(L, 1);
    return connect_to(L, socket, "open", open_mode);
}

/* socket:setServerName(name); for the next connect */
static int local_socket_set_server_name(lua_State *L) {
    mp_local_name name;
    mp_local_socket *socket = check_socket(L, 1);
    luaL_argcheck(L, socket->tcp.stream.state == MP_STATE_UNCONNECTED, 1, "it is connected, or connecting");
    (void)take_name(L, socket, 2, &name);
    return 0;
}

/* socket:setSocketDescriptor(fd[, state = "ConnectedState"[, openMode = "ReadWrite"]]) -> true | nil,
   message, code; of a Unix-domain socket */
static int local_socket_set_socket_descriptor(lua_State *L) {
    mp_local_socket *socket = check_socket(L, 3);
    lua_Integer fd = luaL_checkinteger(L, 2);
    if (fd < 0 || fd > INT_MAX || mp_local_socket_adopts((int)fd)) {
        int results = binding_socket_set_descriptor(L);
        if (results == 1 && mp_local_socket_adopted(socket) < 0)
            return luaL_error(L, "setSocketDescriptor: out of memory");
        return results;
    }
    socket->tcp.stream.fault = MP_FAULT_INVALID_DESCRIPTOR;
    return binding_fail(L, "setSocketDescriptor", MP_FAULT_INVALID_DESCRIPTOR);
}

/* socket:bind([address[, port[, mode]]]) ; raises: only servers have names */
static int local_socket_bind(lua_State *L) {
    check_socket(L, 3);
    return luaL_error(L, "bind: a LocalSocket has no address of its own");
}

/* --- state ---------------------------------------------------------------------------------------------- */

/* socket:serverName() -> the name given to connectToServer, or that of the server that accepted it; "" if
   there is none */
static int local_socket_server_name(lua_State *L) {
    const mp_local_socket *socket = check_socket(L, 0);
    const mp_tcp_server *server = mp_stream_server(&socket->tcp.stream);
    mp_local_name full;
    size_t size;
    const char *name = mp_local_socket_name(socket, &size);
    if (size == 0 && server && server->object.behaviour == &mp_local_server_behaviour)
        name = mp_local_server_name((const mp_local_server *)server, &size);
    if (size == 0 && mp_local_socket_full_name(socket, &full)) {
        size_t start = full.size;
        while (start > 0 && full.bytes[start - 1] != '/')
            start--;
        name = full.bytes + start;
        size = full.size - start;
    }
    lua_pushlstring(L, name, size);
    return 1;
}

/* socket:fullServerName() -> the path, or the abstract name, of its server; "" if there is none */
static int local_socket_full_server_name(lua_State *L) {
    mp_local_name name;
    if (mp_local_socket_full_name(check_socket(L, 0), &name))
        lua_pushlstring(L, name.bytes, name.size);
    else
        lua_pushliteral(L, "");
    return 1;
}

/* socket:socketType() -> "LocalSocket" */
static int local_socket_socket_type(lua_State *L) {
    check_socket(L, 0);
    lua_pushliteral(L, "LocalSocket");
    return 1;
}

/* socket:setSocketOptions("NoOptions" or "AbstractNamespaceOption"), for the next connect */
static int local_socket_set_socket_options(lua_State *L) {
    mp_local_socket *socket = check_socket(L, 1);
    int options = binding_check_local_options(L, 2, BINDING_ABSTRACT);
    if (mp_local_socket_set_abstract(socket, options & BINDING_ABSTRACT) < 0)
        return luaL_error(L, "setSocketOptions: out of memory");
    return 0;
}

/* socket:socketOptions() -> "NoOptions" or "AbstractNamespaceOption" */
static int local_socket_socket_options(lua_State *L) {
    binding_push_local_options(L, mp_local_socket_is_abstract(check_socket(L, 0)) ? BINDING_ABSTRACT : 0);
    return 1;
}

/* socket:peerCredentials() -> { pid =, uid =, gid = } | nil, message, code */
static int local_socket_peer_credentials(lua_State *L) {
    const mp_local_socket *socket = check_socket(L, 0);
    pid_t pid;
    uid_t uid;
    gid_t gid;
    int result = mp_local_socket_credentials(socket, &pid, &uid, &gid);
    if (result < 0)
        return binding_fail(L, "peerCredentials",
                            result == -ENOTCONN ? MP_FAULT_NOT_CONNECTED : MP_FAULT_UNSUPPORTED);
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, (lua_Integer)pid);
    lua_setfield(L, -2, "pid");
    lua_pushinteger(L, (lua_Integer)uid);
    lua_setfield(L, -2, "uid");
    lua_pushinteger(L, (lua_Integer)gid);
    lua_setfield(L, -2, "gid");
    return 1;
}

/* --- the class ------------------------------------------------------------------------------------------ */

static const luaL_Reg methods[] = {
    {"connectToServer", local_socket_connect_to_server},
    {"connectToHost", local_socket_connect_to_host},
    {"disconnectFromServer", binding_socket_disconnect},
    {"open", local_socket_open},
    {"setServerName", local_socket_set_server_name},
    {"setSocketDescriptor", local_socket_set_socket_descriptor},
    {"bind", local_socket_bind},
    {"serverName", local_socket_server_name},
    {"fullServerName", local_socket_full_server_name},
    {"socketType", local_socket_socket_type},
    {"setSocketOptions", local_socket_set_socket_options},
    {"socketOptions", local_socket_socket_options},
    {"peerCredentials", local_socket_peer_credentials},
    {NULL, NULL},
};

void binding_open_local_socket(lua_State *L, binding_state *state) {
    const luaL_Reg *const parts[] = {methods, binding_local_socket_descriptors, NULL};
    binding_open_socket_class(L, state, MP_LOCAL_SOCKET, parts);
}
