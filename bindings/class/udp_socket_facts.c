/*
 * What a UdpSocket knows of itself: state, addresses, limits, counters.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/udp_socket.h"

#include "net/udp_input.h"
#include "net/udp_socket.h"
#include "object/arguments.h"
#include "object/box.h"

#define check_socket(L, parameters) binding_check(L, parameters, mp_udp_socket, MP_UDP_SOCKET)

/* socket:state() -> "BoundState" … */
static int udp_socket_state(lua_State *L) {
    lua_pushstring(L, binding_state_name(check_socket(L, 0)->state));
    return 1;
}

/* socket:error() -> code of the last error, "UnknownSocketError" if there was none */
static int udp_socket_error(lua_State *L) {
    lua_pushstring(L, mp_fault_code(check_socket(L, 0)->fault));
    return 1;
}

/* socket:errorString() -> text */
static int udp_socket_error_string(lua_State *L) {
    lua_pushstring(L, mp_fault_text(check_socket(L, 0)->fault));
    return 1;
}

/* socket:isValid(), socket:isOpen() -> true if it is bound or connected */
static int udp_socket_is_valid(lua_State *L) {
    lua_pushboolean(L, mp_udp_is_open(check_socket(L, 0)));
    return 1;
}

/* socket:socketType() -> "UdpSocket" */
static int udp_socket_socket_type(lua_State *L) {
    check_socket(L, 0);
    lua_pushliteral(L, "UdpSocket");
    return 1;
}

/* socket:socketDescriptor() -> fd or -1 */
static int udp_socket_socket_descriptor(lua_State *L) {
    lua_pushinteger(L, mp_udp_socket_descriptor(check_socket(L, 0)));
    return 1;
}

static int push_endpoint(lua_State *L,
                         void (*get)(const mp_udp_socket *socket, mp_address *address, uint16_t *port),
                         bool want_port) {
    mp_address address;
    uint16_t port;
    get(check_socket(L, 0), &address, &port);
    if (want_port)
        lua_pushinteger(L, port);
    else
        binding_push_address(L, &address);
    return 1;
}

/* socket:localAddress() -> string or nil */
static int udp_socket_local_address(lua_State *L) {
    return push_endpoint(L, mp_udp_socket_local_address, false);
}

/* socket:localPort() -> port or 0 */
static int udp_socket_local_port(lua_State *L) {
    return push_endpoint(L, mp_udp_socket_local_address, true);
}

/* socket:peerAddress() -> string or nil */
static int udp_socket_peer_address(lua_State *L) {
    return push_endpoint(L, mp_udp_socket_peer_address, false);
}

/* socket:peerPort() -> port or 0 */
static int udp_socket_peer_port(lua_State *L) {
    return push_endpoint(L, mp_udp_socket_peer_address, true);
}

/* socket:peerName() -> the name given to connectToHost, or "" */
static int udp_socket_peer_name(lua_State *L) {
    const char *name = check_socket(L, 0)->peer_name;
    lua_pushstring(L, name ? name : "");
    return 1;
}

/* --- limits --------------------------------------------------------------------------------------------- */

/* socket:setReadBufferSize(n); 0 = no limit */
static int udp_socket_set_read_buffer_size(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 1);
    socket->read_limit = binding_check_size(L, 2, "the read buffer's size");
    mp_udp_has_room(socket);
    return 0;
}

/* socket:readBufferSize() -> n */
static int udp_socket_read_buffer_size(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_socket(L, 0)->read_limit);
    return 1;
}

/* socket:setWriteBufferLimit(n); 0 = no limit */
static int udp_socket_set_write_buffer_limit(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 1);
    socket->write_limit = binding_check_size(L, 2, "the write buffer's limit");
    return 0;
}

/* socket:writeBufferLimit() -> n */
static int udp_socket_write_buffer_limit(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_socket(L, 0)->write_limit);
    return 1;
}

/* socket:setMaxHandlers(n): so many handlers may wait at a time before nothing more is read */
static int udp_socket_set_max_handlers(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 1);
    size_t most = binding_check_size(L, 2, "the limit");
    luaL_argcheck(L, most > 0, 2, "at least one handler must be allowed");
    socket->most_handlers = most > UINT32_MAX ? UINT32_MAX : (uint32_t)most;
    mp_udp_has_room(socket);
    return 0;
}

/* socket:maxHandlers() -> n */
static int udp_socket_max_handlers(lua_State *L) {
    lua_pushinteger(L, check_socket(L, 0)->most_handlers);
    return 1;
}

/* --- counters ------------------------------------------------------------------------------------------- */

static int push_count(lua_State *L, uint64_t count) {
    lua_pushinteger(L, (lua_Integer)count);
    return 1;
}

/* socket:bytesRead() -> total */
static int udp_socket_bytes_read(lua_State *L) {
    return push_count(L, check_socket(L, 0)->bytes_read);
}

/* socket:bytesSent() -> total */
static int udp_socket_bytes_sent(lua_State *L) {
    return push_count(L, check_socket(L, 0)->bytes_sent);
}

/* socket:datagramsRead() -> total */
static int udp_socket_datagrams_read(lua_State *L) {
    return push_count(L, check_socket(L, 0)->datagrams_read);
}

/* socket:datagramsSent() -> total */
static int udp_socket_datagrams_sent(lua_State *L) {
    return push_count(L, check_socket(L, 0)->datagrams_sent);
}

/* socket:datagramsDropped() -> those that the system had no room for, since the socket was bound */
static int udp_socket_datagrams_dropped(lua_State *L) {
    const mp_udp_socket *socket = check_socket(L, 0);
    int64_t dropped = socket->watcher.fd >= 0 ? mp_system_dropped_datagrams(socket->watcher.fd) : 0;
    return push_count(L, socket->lost_here + (uint64_t)(dropped > 0 ? dropped : 0));
}

const luaL_Reg binding_udp_facts[] = {
    {"state", udp_socket_state},
    {"error", udp_socket_error},
    {"errorString", udp_socket_error_string},
    {"isValid", udp_socket_is_valid},
    {"isOpen", udp_socket_is_valid},
    {"socketType", udp_socket_socket_type},
    {"socketDescriptor", udp_socket_socket_descriptor},
    {"localAddress", udp_socket_local_address},
    {"localPort", udp_socket_local_port},
    {"peerAddress", udp_socket_peer_address},
    {"peerPort", udp_socket_peer_port},
    {"peerName", udp_socket_peer_name},
    {"setReadBufferSize", udp_socket_set_read_buffer_size},
    {"readBufferSize", udp_socket_read_buffer_size},
    {"setWriteBufferLimit", udp_socket_set_write_buffer_limit},
    {"writeBufferLimit", udp_socket_write_buffer_limit},
    {"setMaxHandlers", udp_socket_set_max_handlers},
    {"maxHandlers", udp_socket_max_handlers},
    {"bytesRead", udp_socket_bytes_read},
    {"bytesSent", udp_socket_bytes_sent},
    {"datagramsRead", udp_socket_datagrams_read},
    {"datagramsSent", udp_socket_datagrams_sent},
    {"datagramsDropped", udp_socket_datagrams_dropped},
    {NULL, NULL},
};
