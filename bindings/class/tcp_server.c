/*
 * moonport.TcpServer: QTcpServer for Lua. tcp_server_listen.c has what it takes to listen.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/tcp_server.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "class/limits.h"
#include "net/tcp_server.h"
#include "object/arguments.h"
#include "object/endpoint.h"
#include "object/object.h"
#include "object/prototype.h"
#include "object/result.h"
#include "object/surplus.h"
#include "run/wait.h"
#include "run/work.h"

#define check_server(L, parameters) binding_check(L, parameters, mp_tcp_server, MP_TCP_SERVER)

/* moonport.TcpServer() -> server */
int binding_new_tcp_server(lua_State *L) {
    binding_takes_none(L, "pass the address to listen(address, port)");
    binding_state *state = binding_state_of(L);
    binding_box *box = binding_new_box(L, state, MP_TCP_SERVER, sizeof(mp_tcp_server));
    if (mp_tcp_server_init((mp_tcp_server *)binding_object(box), mp_network_of(state->loop)) < 0)
        return luaL_error(L, "TcpServer: out of memory");
    binding_made(L, -1);
    binding_object(box)->epoch = box->generation->number;
    return 1;
}

static void destroy(mp_object *object) {
    mp_tcp_server_destroy((mp_tcp_server *)object);
}

static int server_gc(lua_State *L) {
    return binding_finalise(L, destroy);
}

/* server:close() */
static int tcp_server_close(lua_State *L) {
    mp_tcp_server *server = check_server(L, BINDING_ANY);
    mp_tcp_server_close(server);
    binding_expire_waits(&server->object);
    return 0;
}

/* server:isListening() -> boolean */
static int tcp_server_is_listening(lua_State *L) {
    lua_pushboolean(L, mp_tcp_server_is_listening(check_server(L, 0)));
    return 1;
}

/* server:serverAddress() -> string or nil */
static int tcp_server_server_address(lua_State *L) {
    const mp_tcp_server *server = check_server(L, 0);
    const mp_local_name *local = mp_tcp_server_local_name(server);
    mp_address address;
    uint16_t port;
    mp_tcp_server_address(server, &address, &port);
    if (local)
        binding_push_local(L, local);
    else
        binding_push_address(L, &address);
    return 1;
}

/* server:serverPort() -> 0 when not listening */
static int tcp_server_server_port(lua_State *L) {
    mp_address address;
    uint16_t port;
    mp_tcp_server_address(check_server(L, 0), &address, &port);
    lua_pushinteger(L, port);
    return 1;
}

/* server:socketDescriptor() -> fd or -1 */
static int tcp_server_socket_descriptor(lua_State *L) {
    lua_pushinteger(L, mp_tcp_server_descriptor(check_server(L, 0)));
    return 1;
}

/* server:nextPendingConnection() -> TcpSocket or nil */
static int tcp_server_next_pending_connection(lua_State *L) {
    mp_tcp_server *server = check_server(L, BINDING_ANY);
    mp_stream *socket = mp_tcp_server_next_pending(server);
    binding_box_of(&server->object)->cared_for = true;
    if (!socket) {
        lua_pushnil(L);
        return 1;
    }
    assert(socket->object.anchor != 0 && !binding_box_of(&socket->object)->taker);
    socket->object.epoch = server->object.epoch;
    binding_push(L, &socket->object);
    binding_taken(binding_state_of(L), binding_box_of(&socket->object));
    return 1;
}

/* server:hasPendingConnections() -> boolean */
static int tcp_server_has_pending_connections(lua_State *L) {
    mp_tcp_server *server = check_server(L, 0);
    binding_box_of(&server->object)->cared_for = true;
    lua_pushboolean(L, mp_tcp_server_has_pending(server));
    return 1;
}

static bool connection_waits(const binding_wait *wait) {
    const mp_tcp_server *server = (const mp_tcp_server *)wait->object;
    return mp_tcp_server_has_pending(server) || !mp_tcp_server_is_listening(server);
}

/* Stack as for waitForNewConnection -> true | nil, message, code */
static int waited_for_connection(lua_State *L, int status, lua_KContext context) {
    mp_tcp_server *server = check_server(L, BINDING_ANY);
    (void)status;
    (void)context;
    if (mp_tcp_server_has_pending(server)) {
        lua_pushboolean(L, 1);
        return 1;
    }
    if (!mp_tcp_server_is_listening(server))
        return binding_fail(L, "waitForNewConnection", MP_FAULT_NOT_LISTENING);
    if (binding_outcome(L) == WAIT_CANCELLED)
        return binding_fail(L, "waitForNewConnection", MP_FAULT_CANCELLED);
    server->fault = MP_FAULT_WAIT_TIMEOUT;
    return binding_fail(L, "waitForNewConnection", MP_FAULT_WAIT_TIMEOUT);
}

/* server:waitForNewConnection([msec = 0]) -> true | nil, message, code */
static int tcp_server_wait_for_new_connection(lua_State *L) {
    mp_tcp_server *server = check_server(L, 1);
    binding_wait_request request = {.object = &server->object,
                                    .test = connection_waits,
                                    .signals = MP_SIGNAL_BIT(MP_SIGNAL_NEW_CONNECTION),
                                    .msec = binding_check_msec(L, 2, 0)};
    binding_box_of(&server->object)->cared_for = true;
    if (mp_tcp_server_has_pending(server) || !mp_tcp_server_is_listening(server))
        return waited_for_connection(L, LUA_OK, 0);
    return binding_suspend(L, &request, waited_for_connection, 0);
}

/* server:setMaxPendingConnections(n) */
static int tcp_server_set_max_pending_connections(lua_State *L) {
    mp_tcp_server *server = check_server(L, 1);
    lua_Integer n = luaL_checkinteger(L, 2);
    server->max_pending = n > INT_MAX ? INT_MAX : n < INT_MIN ? INT_MIN : (int)n;
    mp_tcp_server_update(server);
    return 0;
}

/* server:maxPendingConnections() -> n */
static int tcp_server_max_pending_connections(lua_State *L) {
    lua_pushinteger(L, check_server(L, 0)->max_pending);
    return 1;
}

/* server:setListenBacklogSize(n), for the next listen */
static int tcp_server_set_listen_backlog_size(lua_State *L) {
    mp_tcp_server *server = check_server(L, 1);
    size_t n = binding_check_size(L, 2, "the backlog");
    server->backlog = n > INT_MAX ? INT_MAX : (int)n;
    return 0;
}

/* server:listenBacklogSize() -> n */
static int tcp_server_listen_backlog_size(lua_State *L) {
    lua_pushinteger(L, check_server(L, 0)->backlog);
    return 1;
}

/* server:pauseAccepting() */
static int tcp_server_pause_accepting(lua_State *L) {
    mp_tcp_server *server = check_server(L, BINDING_ANY);
    server->paused = true;
    mp_tcp_server_update(server);
    return 0;
}

/* server:resumeAccepting() */
static int tcp_server_resume_accepting(lua_State *L) {
    mp_tcp_server_resume(check_server(L, BINDING_ANY));
    return 0;
}

/* server:serverError() -> code */
static int tcp_server_server_error(lua_State *L) {
    lua_pushstring(L, mp_fault_code(check_server(L, 0)->fault));
    return 1;
}

/* server:errorString() -> text, "" if there was no error */
static int tcp_server_error_string(lua_State *L) {
    mp_tcp_server *server = check_server(L, 0);
    lua_pushstring(L, server->fault == MP_FAULT_NONE ? "" : mp_fault_text(server->fault));
    return 1;
}

/* The iterator of connections -> TcpSocket or nil. Upvalues: an array of them, the index of the last one
   returned. */
static int next_connection(lua_State *L) {
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(2)) + 1;
    lua_pushinteger(L, i);
    lua_replace(L, lua_upvalueindex(2));
    lua_rawgeti(L, lua_upvalueindex(1), i);
    return 1;
}

/* server:connections() -> iterator over the connections that are open now */
static int tcp_server_connections(lua_State *L) {
    mp_tcp_server *server = check_server(L, 0);
    lua_Integer i = 0;
    lua_createtable(L, (int)server->listener->open_count, 0);
    for (mp_stream *socket = mp_listener_next(server->listener, NULL); socket;
         socket = mp_listener_next(server->listener, socket)) {
        binding_push(L, &socket->object);
        lua_rawseti(L, -2, ++i);
    }
    assert((size_t)i == server->listener->open_count);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_connection, 2);
    return 1;
}

/* server:connectionCount() -> n */
static int tcp_server_connection_count(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_server(L, 0)->listener->open_count);
    return 1;
}

/* server:setMaxConnections(n); 0 = no limit */
static int tcp_server_set_max_connections(lua_State *L) {
    mp_tcp_server *server = check_server(L, 1);
    server->max_connections = binding_check_size(L, 2, "the limit");
    mp_tcp_server_update(server);
    return 0;
}

/* server:maxConnections() -> n */
static int tcp_server_max_connections(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_server(L, 0)->max_connections);
    return 1;
}

/* server:setMaxConnectionsPerAddress(n); 0 = no limit */
static int tcp_server_set_max_connections_per_address(lua_State *L) {
    mp_tcp_server *server = check_server(L, 1);
    size_t n = binding_check_size(L, 2, "the limit");
    if (mp_tcp_server_limit_addresses(server, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n,
                                      server->max_shaking_per_address) < 0)
        return luaL_error(L, "not enough memory");
    return 0;
}

/* server:maxConnectionsPerAddress() -> n */
static int tcp_server_max_connections_per_address(lua_State *L) {
    lua_pushinteger(L, check_server(L, 0)->max_per_address);
    return 1;
}

/* tostring(server) */
static int server_tostring(lua_State *L) {
    mp_tcp_server *server = check_server(L, BINDING_ANY);
    char text[BINDING_PLACE];
    if (mp_tcp_server_is_listening(server))
        lua_pushfstring(L, "%s(%s, listening)", binding_kind_name(server->object.behaviour->kind),
                        binding_place(text, server));
    else
        lua_pushfstring(L, "%s(not listening)", binding_kind_name(server->object.behaviour->kind));
    return 1;
}

static const luaL_Reg methods[] = {
    {"close", tcp_server_close},
    {"isListening", tcp_server_is_listening},
    {"serverAddress", tcp_server_server_address},
    {"serverPort", tcp_server_server_port},
    {"socketDescriptor", tcp_server_socket_descriptor},
    {"nextPendingConnection", tcp_server_next_pending_connection},
    {"hasPendingConnections", tcp_server_has_pending_connections},
    {"waitForNewConnection", tcp_server_wait_for_new_connection},
    {"setMaxPendingConnections", tcp_server_set_max_pending_connections},
    {"maxPendingConnections", tcp_server_max_pending_connections},
    {"setListenBacklogSize", tcp_server_set_listen_backlog_size},
    {"listenBacklogSize", tcp_server_listen_backlog_size},
    {"pauseAccepting", tcp_server_pause_accepting},
    {"resumeAccepting", tcp_server_resume_accepting},
    {"serverError", tcp_server_server_error},
    {"errorString", tcp_server_error_string},
    {"connections", tcp_server_connections},
    {"connectionCount", tcp_server_connection_count},
    {"setMaxConnections", tcp_server_set_max_connections},
    {"maxConnections", tcp_server_max_connections},
    {"setMaxConnectionsPerAddress", tcp_server_set_max_connections_per_address},
    {"maxConnectionsPerAddress", tcp_server_max_connections_per_address},
    {NULL, NULL},
};

void binding_open_server_class(lua_State *L, binding_state *state, enum mp_kind kind, const luaL_Reg *own,
                               lua_CFunction gc) {
    static const luaL_Reg none[] = {{NULL, NULL}};
    bool inherits = kind != MP_TCP_SERVER;
    const luaL_Reg *const parts[] = {binding_server_listening, binding_server_limit_methods, NULL};
    const luaL_Reg *const inherited[] = {own, NULL};
    binding_new_class(L, state, kind, inherits ? none : methods);
    if (inherits)
        binding_inherit(L, state, MP_TCP_SERVER);
    for (const luaL_Reg *const *part = inherits ? inherited : parts; *part; part++) {
        lua_pushlightuserdata(L, state);
        luaL_setfuncs(L, *part, 1);
    }
    binding_finish_class(L, state, kind, gc, server_tostring, tcp_server_close);
}

void binding_open_tcp_server(lua_State *L, binding_state *state) {
    binding_open_server_class(L, state, MP_TCP_SERVER, NULL, server_gc);
}
