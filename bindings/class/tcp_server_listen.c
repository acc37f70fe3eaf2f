/*
 * Listening: the methods of servers that make them listen, or say how. See tcp_server.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/tcp_server.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "generation/succession.h"
#include "net/tcp_server.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/endpoint.h"
#include "object/generation.h"
#include "object/prototype.h"
#include "object/result.h"
#include "object/suggestion.h"
#include "system/local.h"

#define check_server(L, parameters) binding_check(L, parameters, mp_tcp_server, MP_TCP_SERVER)

/* Anchors a server that is about to listen, and prepares its prototype. */
static void anchor(lua_State *L, mp_tcp_server *server) {
    binding_check_prototype(L, 1);
    binding_anchor(L, 1, &server->object);
    if (server->listener->metatable == 0) {
        mp_object_check(&server->object); /* in case the next call raises */
        binding_update_prototype(L, 1);
    }
}

/* If the old run has a server there, the new run's server gets its listener at the commit, and this is
   true. A listener of its own accepts only after the commit. */
static bool stage(mp_tcp_server *server, mp_tcp_server *old) {
    bool claims = old && !mp_tcp_server_is_listening(server);
    assert(server->object.anchor != 0 && old != server);
    server->staged = true;
    if (claims)
        mp_tcp_server_claim(server, old);
    return claims;
}

/* Logs where the server listens, to show a port that the system has chosen. */
static int listened(lua_State *L, mp_tcp_server *server, const char *what, enum mp_fault fault) {
    enum mp_log_level level = server->object.loop->log_level;
    char place[BINDING_PLACE];
    if (fault == MP_FAULT_NONE && level <= MP_LOG_DEBUG)
        mp_log(level, MP_LOG_DEBUG, "listening on %s", binding_place(place, server));
    return binding_result(L, what, fault);
}

/* Another server of this program that listens at the port, or NULL. */
static mp_tcp_server *find_at_port(const mp_tcp_server *server, uint16_t port) {
    mp_network *network = mp_network_of(server->object.loop);
    mp_tcp_server *it = mp_tcp_server_next(network, NULL);
    while (it && (it == server || it->listener->watcher.fd < 0 || it->listener->local ||
                  it->listener->port != port))
        it = mp_tcp_server_next(network, it);
    return it;
}

/* nil, message with the place of this program's listener, code */
static int in_use_by(lua_State *L, const char *what, const mp_tcp_server *other) {
    char endpoint[BINDING_ENDPOINT];
    binding_endpoint(endpoint, &other->listener->address, other->listener->port);
    const char *where = lua_pushfstring(L, "%s (this program listens at %s)", what, endpoint);
    return binding_fail(L, where, MP_FAULT_ADDRESS_IN_USE);
}

int binding_server_listen_at(lua_State *L, mp_tcp_server *server, const mp_local_name *name) {
    const binding_box *box = binding_box_of(&server->object);
    char what[MP_LOCAL_TEXT + 8] = "listen ";
    mp_local_name_format(name, what + strlen(what));
    anchor(L, server);
    server->staged = binding_box_is_staged(box);
    const mp_endpoint endpoint = {.local = name};
    if (server->staged && stage(server, binding_claim_listener(box->generation, &endpoint)))
        return binding_result(L, what, MP_FAULT_NONE);
    return listened(L, server, what, mp_tcp_server_listen_local(server, name));
}

int binding_server_no_name(lua_State *L, mp_tcp_server *server, int index, enum mp_fault fault) {
    if (!mp_tcp_server_is_listening(server))
        server->fault = (uint8_t)fault;
    lua_pushfstring(L, "listen %s", binding_shown(L, lua_tostring(L, index)));
    return binding_fail(L, lua_tostring(L, -1),
                        mp_tcp_server_is_listening(server) ? MP_FAULT_ALREADY_LISTENING : fault);
}

/* server:listen([address = "any"[, port = 0]]) or server:listen("unix:…") -> true | nil, message, code */
int binding_server_listen(lua_State *L) {
    mp_tcp_server *server = check_server(L, 2);
    binding_box *box = binding_box_of(&server->object);
    mp_address address;
    mp_local_name name;
    enum mp_fault bad;
    if (binding_test_local(L, 2, 3, &name, &bad))
        return bad == MP_FAULT_NONE ? binding_server_listen_at(L, server, &name)
                                    : binding_server_no_name(L, server, 2, bad);
    if (lua_type(L, 2) == LUA_TNUMBER)
        return luaL_argerror(L, 2, "address expected, got number; the port comes second");
    uint16_t port = lua_isnoneornil(L, 3) ? 0 : binding_check_port(L, 3, "listen");
    char what[BINDING_ENDPOINT + 16] = "listen ";
    if (lua_isnoneornil(L, 2))
        mp_address_set_any(&address);
    else
        binding_check_address(L, 2, &address);
    anchor(L, server);
    binding_endpoint(what + strlen(what), &address, port);
    bool staged = server->staged = binding_box_is_staged(box);
    const mp_endpoint endpoint = {.address = address, .port = port};
    if (staged && stage(server, binding_claim_listener(box->generation, &endpoint)))
        return binding_result(L, what, MP_FAULT_NONE);
    enum mp_fault fault = mp_tcp_server_listen(server, &address, port);
    mp_tcp_server *old = staged && fault == MP_FAULT_ADDRESS_IN_USE
                             ? binding_claim_port(box->generation, port)
                             : NULL;
    if (old)
        fault = mp_tcp_server_replace(server, old, &address, port);
    if (fault == MP_FAULT_ADDRESS_IN_USE && (old = find_at_port(server, port)))
        return in_use_by(L, what, old);
    return listened(L, server, what, fault);
}

/* server:setSocketDescriptor(fd) -> true | nil, message, code */
int binding_server_set_socket_descriptor(lua_State *L) {
    mp_tcp_server *server = check_server(L, 1);
    binding_box *box = binding_box_of(&server->object);
    lua_Integer number = luaL_checkinteger(L, 2);
    int fd = number >= -1 && number <= INT_MAX ? (int)number : INT_MIN;
    anchor(L, server);
    server->staged = binding_box_is_staged(box);
    if (server->staged && stage(server, binding_claim_descriptor(box->generation, fd)))
        return binding_result(L, "setSocketDescriptor", MP_FAULT_NONE);
    return listened(L, server, "setSocketDescriptor", mp_tcp_server_set_descriptor(server, fd));
}

/* --- the file of a Unix-domain socket ------------------------------------------------------------------- */

/* "0660": octal digits. */
static mode_t check_mode(lua_State *L, int index) {
    bool is_text = lua_type(L, index) == LUA_TSTRING;
    const char *text = luaL_checkstring(L, index);
    size_t digits = strspn(text, "01234567");
    luaL_argcheck(L, is_text && text[digits] == '\0' && digits >= 3 && digits <= 4, index,
                  "a mode is a string of octal digits, as \"0660\"");
    mode_t mode = 0;
    for (; *text; text++)
        mode = mode << 3 | (mode_t)(*text - '0');
    luaL_argcheck(L, mode <= 0777, index, "a socket has no other permissions than 0777");
    return mode;
}

/* server:setSocketPermissions([mode[, group]]) -> true | nil, message, code; for the next listen */
static int tcp_server_set_socket_permissions(lua_State *L) {
    mp_tcp_server *server = check_server(L, 2);
    mp_local_access access = {.set = !lua_isnoneornil(L, 2), .group = (gid_t)-1};
    int result = 0;
    luaL_argcheck(L, access.set || lua_isnoneornil(L, 3), 3, "a group without a mode");
    if (access.set)
        access.mode = check_mode(L, 2);
    if (lua_isinteger(L, 3)) {
        lua_Integer group = lua_tointeger(L, 3);
        luaL_argcheck(L, group >= 0 && group < UINT32_MAX, 3, "not the number of a group");
        access.group = (gid_t)group;
    } else if (!lua_isnoneornil(L, 3)) {
        result = mp_system_find_group(luaL_checkstring(L, 3), &access.group);
    }
    if (result < 0) {
        lua_pushfstring(L, "setSocketPermissions %s", binding_shown(L, lua_tostring(L, 3)));
        return binding_fail(L, lua_tostring(L, -1), MP_FAULT_NO_SUCH_GROUP);
    }
    server->access = access;
    lua_pushboolean(L, 1);
    return 1;
}

/* server:socketPermissions() -> mode or nil, group's number or nil */
static int tcp_server_socket_permissions(lua_State *L) {
    const mp_local_access *access = &check_server(L, 0)->access;
    char mode[8] = "";
    if (!access->set) {
        lua_pushnil(L);
        return 1;
    }
    snprintf(mode, sizeof mode, "%04o", (unsigned)access->mode);
    lua_pushstring(L, mode);
    if (access->group == (gid_t)-1)
        lua_pushnil(L);
    else
        lua_pushinteger(L, (lua_Integer)access->group);
    return 2;
}

const luaL_Reg binding_server_listening[] = {
    {"listen", binding_server_listen},
    {"setSocketDescriptor", binding_server_set_socket_descriptor},
    {"setSocketPermissions", tcp_server_set_socket_permissions},
    {"socketPermissions", tcp_server_socket_permissions},
    {NULL, NULL},
};
