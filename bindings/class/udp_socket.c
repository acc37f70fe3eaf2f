/*
 * moonport.UdpSocket: QUdpSocket for Lua. This file has life, binding, connecting, closing and multicast.
 * Datagrams, waiting, and what a socket knows of itself have their own files.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/udp_socket.h"

#include <limits.h>
#include <string.h>

#include "class/socket_setting.h"
#include "generation/udp.h"
#include "net/udp_connect.h"
#include "net/udp_group.h"
#include "net/udp_handover.h"
#include "net/udp_socket.h"
#include "object/arguments.h"
#include "object/class.h"
#include "object/object.h"
#include "object/result.h"
#include "object/suggestion.h"
#include "run/wait.h"

#define check_socket(L, parameters) binding_check(L, parameters, mp_udp_socket, MP_UDP_SOCKET)

/* moonport.UdpSocket() -> socket */
int binding_new_udp_socket(lua_State *L) {
    binding_takes_none(L, "pass the address to bind(address, port) or connectToHost(host, port)");
    binding_state *state = binding_state_of(L);
    binding_box *box = binding_new_box(L, state, MP_UDP_SOCKET, sizeof(mp_udp_socket));
    mp_udp_socket_init((mp_udp_socket *)binding_object(box), mp_network_of(state->loop));
    binding_made(L, -1);
    return 1;
}

static void destroy(mp_object *object) {
    mp_udp_socket_destroy((mp_udp_socket *)object);
}

static int socket_gc(lua_State *L) {
    return binding_finalise(L, destroy);
}

/* --- binding -------------------------------------------------------------------------------------------- */

/* A bind of a run that doesn't serve yet: the descriptor of the former run's socket, at the commit, or an own
   one that isn't read until then. */
static enum mp_fault bind_staged(mp_udp_socket *socket, const mp_address *address, uint16_t port, int mode) {
    binding_generation *generation = binding_box_of(&socket->object)->generation;
    mp_udp_socket *old = binding_claim_udp(generation, address, port, mode);
    bool in_way = !old && binding_is_udp_in_way(generation, port);
    enum mp_fault fault = MP_FAULT_NONE;
    if (old || in_way)
        fault = mp_udp_socket_prepare(socket);
    if (fault != MP_FAULT_NONE)
        return mp_udp_fail(socket, fault);
    if (old) {
        mp_udp_claim(socket, old);
    } else if (in_way) {
        mp_udp_defer(socket, address, port, mode);
    } else {
        socket->staged = true;
        fault = mp_udp_socket_bind(socket, address, port, mode);
        socket->staged = fault == MP_FAULT_NONE;
    }
    return fault;
}

/* socket:bind([address = "any"[, port = 0[, mode]]]) -> true | nil, message, code */
static int udp_socket_bind(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 3);
    char what[BINDING_ENDPOINT + 16] = "bind ";
    mp_address address;
    uint16_t port;
    int mode;
    binding_check_bind(L, &address, &port, &mode);
    binding_anchor(L, 1, &socket->object);
    binding_endpoint(what + strlen(what), &address, port);
    bool staged = binding_box_is_staged(binding_box_of(&socket->object));
    return binding_result(L, what,
                          staged ? bind_staged(socket, &address, port, mode)
                                 : mp_udp_socket_bind(socket, &address, port, mode));
}

/* socket:setSocketDescriptor(fd) -> true | nil, message, code */
static int udp_socket_set_socket_descriptor(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 1);
    lua_Integer fd = luaL_checkinteger(L, 2);
    binding_anchor(L, 1, &socket->object);
    enum mp_fault fault = mp_udp_socket_set_descriptor(socket, fd >= 0 && fd <= INT_MAX ? (int)fd : -1);
    if (fault != MP_FAULT_NONE) {
        socket->fault = (uint8_t)fault;
        mp_object_check(&socket->object);
    }
    return binding_result(L, "setSocketDescriptor", fault);
}

/* --- connecting and closing ----------------------------------------------------------------------------- */

/* socket:connectToHost(host, port[, openMode = "ReadWrite"[, protocol = "AnyIPProtocol"]]) -> true | nil,
   message, code */
static int udp_socket_connect_to_host(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 4);
    char text[MP_ADDRESS_TEXT];
    const char *host = binding_check_host(L, 2, text);
    uint16_t port = binding_check_port(L, 3, "connectToHost");
    (void)binding_check_open_mode(L, 4, MP_READ_WRITE);
    enum mp_protocol protocol = binding_check_protocol(L, 5);
    enum mp_fault fault = MP_FAULT_NONE;
    binding_anchor(L, 1, &socket->object);
    if (socket->state != MP_STATE_BOUND || socket->watcher.fd < 0)
        fault = mp_udp_socket_prepare(socket);
    if (fault == MP_FAULT_NONE)
        fault = mp_udp_connect_to(socket, host, port, protocol);
    else
        (void)mp_udp_fail(socket, fault == MP_FAULT_UNFINISHED ? (fault = MP_FAULT_BUSY) : fault);
    if (fault == MP_FAULT_NONE)
        return binding_result(L, "", fault);
    lua_pushfstring(L, "connectToHost %s:%d", binding_shown(L, host), (int)port);
    return binding_fail(L, lua_tostring(L, -1), fault);
}

/* socket:disconnectFromHost() */
static int udp_socket_disconnect_from_host(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, BINDING_ANY);
    mp_udp_socket_close(socket, false);
    binding_expire_waits(&socket->object);
    return 0;
}

/* socket:abort() */
static int udp_socket_abort(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, BINDING_ANY);
    mp_udp_socket_abort(socket);
    binding_expire_waits(&socket->object);
    return 0;
}

/* socket:close() */
static int udp_socket_close(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, BINDING_ANY);
    mp_udp_socket_close(socket, true);
    binding_expire_waits(&socket->object);
    return 0;
}

/* --- multicast ------------------------------------------------------------------------------------------ */

/* A network interface: its name or its index; 0 if it is missing. */
static uint32_t check_interface(lua_State *L, int index) {
    if (lua_isnoneornil(L, index))
        return 0;
    if (lua_type(L, index) == LUA_TNUMBER) {
        lua_Integer number = luaL_checkinteger(L, index);
        luaL_argcheck(L, number >= 0 && number <= INT_MAX, index, "an interface's index is not negative");
        return (uint32_t)number;
    }
    const char *name = luaL_checkstring(L, index);
    uint32_t found = mp_system_interface(name);
    if (found == 0)
        luaL_argerror(L, index,
                      lua_pushfstring(L, "there is no network interface '%s'", binding_shown(L, name)));
    return found;
}

static int change_group(lua_State *L, const char *what,
                        enum mp_fault (*change)(mp_udp_socket *, const mp_address *, uint32_t)) {
    mp_udp_socket *socket = check_socket(L, 2);
    char text[MP_ADDRESS_TEXT];
    mp_address group;
    binding_check_address(L, 2, &group);
    uint32_t interface = check_interface(L, 3);
    enum mp_fault fault = change(socket, &group, interface);
    if (fault != MP_FAULT_NONE)
        socket->fault = (uint8_t)fault;
    mp_address_format(&group, text);
    lua_pushfstring(L, "%s %s", what, text);
    return binding_result(L, lua_tostring(L, -1), fault);
}

/* socket:joinMulticastGroup(group[, interface]) -> true | nil, message, code */
static int udp_socket_join_multicast_group(lua_State *L) {
    return change_group(L, "joinMulticastGroup", mp_udp_join);
}

/* socket:leaveMulticastGroup(group[, interface]) -> true | nil, message, code */
static int udp_socket_leave_multicast_group(lua_State *L) {
    return change_group(L, "leaveMulticastGroup", mp_udp_leave);
}

/* socket:setMulticastInterface(interface or nil) -> true | nil, message, code */
static int udp_socket_set_multicast_interface(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 1);
    enum mp_fault fault = mp_udp_set_multicast_interface(socket, check_interface(L, 2));
    if (fault != MP_FAULT_NONE)
        socket->fault = (uint8_t)fault;
    return binding_result(L, "setMulticastInterface", fault);
}

/* socket:multicastInterface() -> name, or nil for the system's choice */
static int udp_socket_multicast_interface(lua_State *L) {
    const mp_udp_socket *socket = check_socket(L, 0);
    char name[MP_INTERFACE_NAME];
    mp_system_interface_name(socket->multicast_interface, name);
    if (name[0])
        lua_pushstring(L, name);
    else
        lua_pushnil(L);
    return 1;
}

/* --- options -------------------------------------------------------------------------------------------- */

/* socket:setSocketOption(name, value) -> true | nil, message, code */
static int udp_socket_set_socket_option(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 2);
    int option = binding_check_socket_option(L);
    int value = binding_check_option_value(L);
    return binding_option_result(L, option, mp_udp_set_option(socket, option, value));
}

/* socket:socketOption(name) -> integer, or nil without a descriptor */
static int udp_socket_socket_option(lua_State *L) {
    const mp_udp_socket *socket = check_socket(L, 1);
    int value, option = binding_check_socket_option(L);
    if (mp_udp_option(socket, option, &value) < 0)
        lua_pushnil(L);
    else
        lua_pushinteger(L, value);
    return 1;
}

/* tostring(socket) */
static int udp_socket_tostring(lua_State *L) {
    const mp_udp_socket *socket = check_socket(L, BINDING_ANY);
    const char *state = binding_state_name(socket->state);
    char text[BINDING_ENDPOINT];
    mp_address address;
    uint16_t port;
    if (socket->state == MP_STATE_CONNECTED)
        mp_udp_socket_peer_address(socket, &address, &port);
    else
        mp_udp_socket_local_address(socket, &address, &port);
    if (mp_address_is_null(&address))
        lua_pushfstring(L, "UdpSocket(%s)", state);
    else
        lua_pushfstring(L, "UdpSocket(%s, %s)", binding_endpoint(text, &address, port), state);
    return 1;
}

static const luaL_Reg methods[] = {
    {"bind", udp_socket_bind},
    {"setSocketDescriptor", udp_socket_set_socket_descriptor},
    {"connectToHost", udp_socket_connect_to_host},
    {"disconnectFromHost", udp_socket_disconnect_from_host},
    {"abort", udp_socket_abort},
    {"close", udp_socket_close},
    {"joinMulticastGroup", udp_socket_join_multicast_group},
    {"leaveMulticastGroup", udp_socket_leave_multicast_group},
    {"setMulticastInterface", udp_socket_set_multicast_interface},
    {"multicastInterface", udp_socket_multicast_interface},
    {"setSocketOption", udp_socket_set_socket_option},
    {"socketOption", udp_socket_socket_option},
    {NULL, NULL},
};

void binding_open_udp_socket(lua_State *L, binding_state *state) {
    const luaL_Reg *const parts[] = {binding_udp_datagram_methods, binding_udp_waiting, binding_udp_facts};
    binding_new_class(L, state, MP_UDP_SOCKET, methods);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        lua_pushlightuserdata(L, state);
        luaL_setfuncs(L, parts[i], 1);
    }
    binding_finish_class(L, state, MP_UDP_SOCKET, socket_gc, udp_socket_tostring, udp_socket_close);
}
