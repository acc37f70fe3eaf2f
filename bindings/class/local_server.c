/*
 * moonport.LocalServer: QLocalServer for Lua. It is a TcpServer that listens at the name of a Unix-domain
 * socket.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/local_server.h"

#include <limits.h>

#include "class/local_name.h"
#include "class/tcp_server.h"
#include "net/local_server.h"
#include "object/arguments.h"
#include "object/class.h"
#include "object/generation.h"
#include "object/result.h"
#include "object/surplus.h"
#include "run/wait.h"
#include "system/local.h"

#define check_server(L, parameters) binding_check(L, parameters, mp_local_server, MP_LOCAL_SERVER)

/* LocalServer, … -> server */
static int new_local_server(lua_State *L) {
    lua_remove(L, 1);
    binding_takes_none(L, "pass the name to listen(name)");
    binding_state *state = binding_state_of(L);
    binding_box *box = binding_new_box(L, state, MP_LOCAL_SERVER, sizeof(mp_local_server));
    if (mp_local_server_init((mp_local_server *)binding_object(box), mp_network_of(state->loop)) < 0)
        return luaL_error(L, "LocalServer: out of memory");
    binding_made(L, -1);
    binding_object(box)->epoch = box->generation->number;
    return 1;
}

static void destroy(mp_object *object) {
    mp_local_server_destroy((mp_local_server *)object);
}

static int server_gc(lua_State *L) {
    return binding_finalise(L, destroy);
}

/* --- listening ------------------------------------------------------------------------------------------ */

/* server:setSocketDescriptor(fd) -> true | nil, message, code; of a Unix-domain socket */
static int local_server_set_socket_descriptor(lua_State *L) {
    mp_local_server *server = check_server(L, 1);
    lua_Integer fd = luaL_checkinteger(L, 2);
    if (mp_tcp_server_is_listening(&server->tcp))
        return binding_server_set_socket_descriptor(L);
    if (fd >= 0 && fd <= INT_MAX && !mp_system_is_local((int)fd)) {
        server->tcp.fault = MP_FAULT_INVALID_DESCRIPTOR;
        return binding_fail(L, "setSocketDescriptor", MP_FAULT_INVALID_DESCRIPTOR);
    }
    (void)mp_local_server_set_name(server, NULL, 0);
    return binding_server_set_socket_descriptor(L);
}

/* server:listen(name or fd) -> true | nil, message, code */
static int local_server_listen(lua_State *L) {
    mp_local_server *server = check_server(L, 1);
    mp_local_name name;
    size_t size;
    if (lua_isinteger(L, 2))
        return local_server_set_socket_descriptor(L);
    const char *asked = luaL_checklstring(L, 2, &size);
    enum mp_fault fault = binding_check_local_name(L, 2, server->options & BINDING_ABSTRACT, &name);
    if (fault != MP_FAULT_NONE)
        return binding_server_no_name(L, &server->tcp, 2, fault);
    if (!mp_tcp_server_is_listening(&server->tcp) && mp_local_server_set_name(server, asked, size) < 0)
        return luaL_error(L, "listen: out of memory");
    return binding_server_listen_at(L, &server->tcp, &name);
}

/* server:serverName() -> the name given to listen; "" when not listening */
static int local_server_server_name(lua_State *L) {
    size_t size;
    const char *name = mp_local_server_name(check_server(L, 0), &size);
    lua_pushlstring(L, name, size);
    return 1;
}

/* server:fullServerName() -> the path, or the abstract name; "" when not listening */
static int local_server_full_server_name(lua_State *L) {
    const mp_local_name *name = mp_tcp_server_local_name(&check_server(L, 0)->tcp);
    lua_pushlstring(L, name ? name->bytes : "", name ? name->size : 0);
    return 1;
}

/* LocalServer.removeServer(name) -> true | nil, message, code; only a socket on which nobody listens */
static int local_server_remove_server(lua_State *L) {
    mp_local_name name;
    binding_takes(L, 1);
    enum mp_fault fault = binding_check_local_name(L, 1, false, &name);
    if (fault == MP_FAULT_NONE)
        fault = mp_local_name_remove(&name);
    return binding_result_of_name(L, "removeServer", 1, fault);
}

/* --- options -------------------------------------------------------------------------------------------- */

/* server:setSocketOptions(options), for the next listen */
static int local_server_set_socket_options(lua_State *L) {
    mp_local_server *server = check_server(L, 1);
    mp_local_access *access = &server->tcp.access;
    int options = binding_check_local_options(L, 2, BINDING_WORLD_ACCESS | BINDING_ABSTRACT);
    if ((options | server->options) & BINDING_WORLD_ACCESS)
        *access = (mp_local_access){.set = (options & BINDING_WORLD_ACCESS) != 0,
                                    .mode = binding_local_mode(options),
                                    .group = (gid_t)-1};
    server->options = options;
    return 0;
}

/* server:socketOptions() -> "NoOptions", or names joined by '|' */
static int local_server_socket_options(lua_State *L) {
    binding_push_local_options(L, check_server(L, 0)->options);
    return 1;
}

/* server:setReceiveDescriptors(n), for connections from now on */
static int local_server_set_receive_descriptors(lua_State *L) {
    mp_local_server *server = check_server(L, 1);
    server->receive_descriptors = binding_check_descriptor_count(L, 2);
    return 0;
}

/* server:receiveDescriptors() -> n */
static int local_server_receive_descriptors(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_server(L, 0)->receive_descriptors);
    return 1;
}

/* --- the class ------------------------------------------------------------------------------------------ */

static const luaL_Reg methods[] = {
    {"listen", local_server_listen},
    {"setSocketDescriptor", local_server_set_socket_descriptor},
    {"serverName", local_server_server_name},
    {"fullServerName", local_server_full_server_name},
    {"setSocketOptions", local_server_set_socket_options},
    {"socketOptions", local_server_socket_options},
    {"setReceiveDescriptors", local_server_set_receive_descriptors},
    {"receiveDescriptors", local_server_receive_descriptors},
    {NULL, NULL},
};

void binding_open_local_server(lua_State *L, binding_state *state) {
    binding_open_server_class(L, state, MP_LOCAL_SERVER, methods, server_gc);
}

void binding_push_local_server_class(lua_State *L, binding_state *state, int generation) {
    generation = lua_absindex(L, generation);
    lua_newtable(L);
    binding_set_function(L, state, "removeServer", local_server_remove_server);
    lua_createtable(L, 0, 1);
    lua_pushlightuserdata(L, state);
    lua_pushvalue(L, generation);
    lua_pushcclosure(L, new_local_server, 2);
    lua_setfield(L, -2, "__call");
    lua_setmetatable(L, -2);
}
