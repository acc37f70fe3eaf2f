/*
 * Datagrams of a UdpSocket: writing and reading them. None of these waits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/udp_socket.h"

#include <limits.h>
#include <string.h>

#include "net/udp_handover.h"
#include "net/udp_input.h"
#include "net/udp_output.h"
#include "net/udp_socket.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/datagram_info.h"
#include "object/peer.h"
#include "object/result.h"
#include "object/suggestion.h"
#include "signal/datagram.h"

#define check_socket(L, parameters) binding_check(L, parameters, mp_udp_socket, MP_UDP_SOCKET)
#define check_at_once(L, parameters)                                                                         \
    ((mp_udp_socket *)binding_object(binding_check_self_at_once(L, parameters, MP_UDP_SOCKET)))

/* --- writing -------------------------------------------------------------------------------------------- */

/* An answer leaves from the address that was asked. A group or all hosts can't send it, and the interface
   only matters where addresses need one. */
static void answer_from(mp_datagram_head *head, const mp_udp_socket *socket, const mp_datagram_head *asked) {
    if (mp_address_is_null(&asked->local) ||
        (socket->local.protocol == asked->local.protocol && mp_address_equal(&socket->local, &asked->local)))
        return; /* it leaves from there anyway */
    unsigned classes = mp_address_classes(&asked->local);
    if (classes & (MP_ADDRESS_MULTICAST | MP_ADDRESS_BROADCAST))
        return;
    head->local = asked->local;
    if (asked->local.protocol == MP_PROTOCOL_IPV6 && (classes & MP_ADDRESS_LINK_LOCAL))
        head->interface = asked->interface;
}

/* A table's field that is an integer; `otherwise` if it is missing. */
static int integer_field(lua_State *L, int index, const char *name, int most, int otherwise) {
    if (lua_getfield(L, index, name) == LUA_TNIL) {
        lua_pop(L, 1);
        return otherwise;
    }
    int exact;
    lua_Integer value = lua_tointegerx(L, -1, &exact);
    if (!exact || value < 0 || value > most)
        luaL_argerror(L, index, lua_pushfstring(L, "%s must be from 0 to %d", name, most));
    lua_pop(L, 1);
    return (int)value;
}

static const char *const info_names[] = {"localAddress", "interfaceIndex", "hopLimit", "ecn", NULL};

/* What the table at `index` says about a datagram to be sent. */
static void read_info(lua_State *L, int index, mp_datagram_head *head) {
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        int i = 0;
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_argerror(L, index, "its keys are names");
        while (info_names[i] && strcmp(info_names[i], lua_tostring(L, -2)) != 0)
            i++;
        if (!info_names[i])
            binding_raise_unknown(L, index, "field", lua_tostring(L, -2), binding_listed_name, info_names);
    }
    if (lua_getfield(L, index, "localAddress") != LUA_TNIL)
        binding_check_address(L, lua_gettop(L), &head->local);
    lua_pop(L, 1);
    head->interface = (uint32_t)integer_field(L, index, "interfaceIndex", INT_MAX, 0);
    head->hop_limit = (int16_t)integer_field(L, index, "hopLimit", 255, -1);
    head->service = (int16_t)integer_field(L, index, "ecn", 3, -1);
}

/* The info argument, if there is one. */
static void check_info(lua_State *L, int index, const mp_udp_socket *socket, mp_datagram_head *head) {
    const binding_datagram_info *info = binding_test_datagram_info(L, binding_state_of(L), index);
    if (info) {
        answer_from(head, socket, &info->head);
        return;
    }
    if (lua_type(L, index) != LUA_TTABLE)
        luaL_typeerror(L, index, "datagram info or table");
    read_info(L, index, head);
}

/* False for an address to which nothing can be sent: it would mean this host. */
static bool is_destination(const mp_address *address) {
    static const uint8_t zeros[16];
    uint32_t ipv4;
    return address->protocol <= MP_PROTOCOL_IPV6 && memcmp(address->bytes, zeros, sizeof zeros) != 0 &&
           (mp_address_to_ipv4(address, &ipv4) < 0 || ipv4 != 0);
}

/* Puts the destination into a head. */
static enum mp_fault set_peer(const mp_udp_socket *socket, const mp_address *address, uint16_t port,
                              mp_datagram_head *head) {
    uint32_t ipv4;
    if (!is_destination(address) || port == 0)
        return MP_FAULT_ADDRESS_NOT_AVAILABLE;
    bool is_v4 = mp_address_to_ipv4(address, &ipv4) == 0;
    if ((is_v4 && socket->v6_only) || mp_socket_address_set(&head->peer, address, port, socket->v6) < 0)
        return MP_FAULT_PROTOCOL_UNSUPPORTED;
    if (!mp_address_is_null(&head->local) && is_v4 != (mp_address_to_ipv4(&head->local, &ipv4) == 0))
        return MP_FAULT_PROTOCOL_UNSUPPORTED;
    return MP_FAULT_NONE;
}

/* A socket that isn't bound yet is, to any port. */
static enum mp_fault bind_first(lua_State *L, mp_udp_socket *socket) {
    mp_address any;
    mp_address_set_any(&any);
    binding_anchor(L, 1, &socket->object);
    enum mp_fault fault = mp_udp_socket_bind(socket, &any, 0, 0);
    socket->requested = false; /* by nobody */
    return fault;
}

/* Counts and reports a refusal as an error of the socket. */
static int refuse(lua_State *L, const char *what, mp_udp_socket *socket, enum mp_fault fault) {
    socket->fault = (uint8_t)fault;
    if (fault == MP_FAULT_DATAGRAM_TOO_LARGE && socket->object.anchor != 0)
        mp_object_emit(&socket->object, MP_SIGNAL_ERROR_OCCURRED, fault);
    return binding_fail(L, what, fault);
}

/* The port of the peer that has sent it. */
static uint16_t asked_port(const binding_datagram_info *asked) {
    const mp_socket_address *peer = &asked->head.peer;
    return ntohs(peer->any.sa_family == AF_INET6 ? peer->v6.sin6_port : peer->v4.sin_port);
}

/* socket:writeDatagram(data, address, port[, info]) -> bytes taken | nil, message, code */
static int udp_socket_write_datagram(lua_State *L) {
    mp_udp_socket *socket = check_at_once(L, 4);
    binding_state *state = binding_state_of(L);
    const binding_datagram_info *asked = binding_running_datagram(state, &socket->object);
    mp_datagram_head head;
    mp_address address;
    size_t size;
    const char *data = luaL_checklstring(L, 2, &size);
    const mp_address *peer = asked && lua_type(L, 3) == LUA_TSTRING
                                 ? binding_peer_at(L, state, 3, asked->place)
                                 : NULL;
    if (!peer) {
        binding_check_peer(L, state, 3, &address);
        peer = &address;
    }
    uint16_t port = binding_check_port(L, 4, "writeDatagram");
    mp_udp_socket *writer = mp_udp_writer(socket);
    mp_datagram_head_init(&head);
    if (!lua_isnoneornil(L, 5))
        check_info(L, 5, writer, &head);
    else if (asked && peer != &address)
        answer_from(&head, writer, &asked->head);
    enum mp_fault fault = MP_FAULT_NONE;
    if (writer->state == MP_STATE_UNCONNECTED && writer == socket)
        fault = bind_first(L, socket);
    if (peer != &address && lua_isnoneornil(L, 5) && writer == socket && port == asked_port(asked))
        head.peer = asked->head.peer; /* where it came from */
    else if (fault == MP_FAULT_NONE)
        fault = set_peer(writer, peer, port, &head);
    head.size = head.whole = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    if (fault == MP_FAULT_NONE)
        fault = mp_udp_write(writer, &head, data);
    if (fault != MP_FAULT_NONE)
        return refuse(L, "writeDatagram", socket, fault);
    lua_pushinteger(L, (lua_Integer)size);
    return 1;
}

/* socket:write(data) -> bytes taken | nil, message, code; to the peer of a connected socket */
static int udp_socket_write(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 1);
    mp_udp_socket *writer = mp_udp_writer(socket);
    mp_datagram_head head;
    size_t size;
    const char *data = luaL_checklstring(L, 2, &size);
    mp_datagram_head_init(&head);
    head.size = head.whole = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    enum mp_fault fault = mp_udp_write(writer, &head, data);
    if (fault != MP_FAULT_NONE)
        return refuse(L, "write", socket, fault);
    lua_pushinteger(L, (lua_Integer)size);
    return 1;
}

/* socket:flush() -> true if anything was sent */
static int udp_socket_flush(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, BINDING_ANY);
    lua_pushboolean(L, socket->out.count > 0 && socket->watcher.fd >= 0 && mp_udp_flush(socket) > 0);
    return 1;
}

/* socket:bytesToWrite() -> n */
static int udp_socket_bytes_to_write(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_socket(L, 0)->out.payload);
    return 1;
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* Why there is nothing to read. */
static enum mp_fault why_empty(const mp_udp_socket *socket) {
    return mp_udp_is_open(socket) ? MP_FAULT_TEMPORARY : MP_FAULT_NOT_CONNECTED;
}

/* socket:receiveDatagram([maxSize]) -> data, address, port, info | nil, message, code if there is none */
static int udp_socket_receive_datagram(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 1);
    bool limited = !lua_isnoneornil(L, 2);
    size_t most = limited ? binding_check_size(L, 2, "maxSize") : 0;
    binding_state *state = binding_state_of(L);
    mp_datagram datagram;
    if (socket->in.count == 0)
        return binding_fail(L, "receiveDatagram", why_empty(socket));
    binding_datagram_info *info = binding_push_datagram_info(L, state);
    if (!mp_udp_take(socket, &datagram)) /* making it may have run code of the script that has taken it */
        return binding_fail(L, "receiveDatagram", why_empty(socket));
    mp_datagram_head head = *datagram.head;
    if (limited && most < head.size)
        head.size = (uint32_t)most;
    datagram.head = &head;
    binding_push_datagram(L, state, &datagram, info);
    lua_rotate(L, -4, -1);
    return 4;
}

/* A datagram as a string: of a connected socket. */
static int read_datagram(lua_State *L, const char *what, mp_udp_socket *socket, size_t most) {
    mp_datagram datagram;
    if (!mp_udp_take(socket, &datagram)) {
        if (!mp_udp_is_open(socket))
            return binding_fail(L, what, MP_FAULT_NOT_CONNECTED);
        lua_pushliteral(L, "");
        return 1;
    }
    size_t size = datagram.head->size;
    lua_pushlstring(L, datagram.data, size < most ? size : most);
    return 1;
}

/* socket:read(maxSize) -> one datagram, its rest is lost; "" if there is none | nil, message, code */
static int udp_socket_read(lua_State *L) {
    mp_udp_socket *socket = check_socket(L, 1);
    return read_datagram(L, "read", socket, binding_check_size(L, 2, "maxSize"));
}

/* socket:readAll() -> one datagram, "" if there is none */
static int udp_socket_read_all(lua_State *L) {
    return read_datagram(L, "readAll", check_socket(L, 0), SIZE_MAX);
}

/* socket:hasPendingDatagrams() -> boolean */
static int udp_socket_has_pending_datagrams(lua_State *L) {
    lua_pushboolean(L, check_socket(L, 0)->in.count > 0);
    return 1;
}

static int push_next_size(lua_State *L, lua_Integer otherwise) {
    const mp_udp_socket *socket = check_socket(L, 0);
    mp_datagram datagram;
    lua_pushinteger(L, mp_udp_peek(socket, &datagram) ? (lua_Integer)datagram.head->size : otherwise);
    return 1;
}

/* socket:pendingDatagramSize() -> size of the next one, -1 if there is none */
static int udp_socket_pending_datagram_size(lua_State *L) {
    return push_next_size(L, -1);
}

/* socket:bytesAvailable() -> size of the next one, 0 if there is none */
static int udp_socket_bytes_available(lua_State *L) {
    return push_next_size(L, 0);
}

const luaL_Reg binding_udp_datagram_methods[] = {
    {"writeDatagram", udp_socket_write_datagram},
    {"write", udp_socket_write},
    {"flush", udp_socket_flush},
    {"bytesToWrite", udp_socket_bytes_to_write},
    {"receiveDatagram", udp_socket_receive_datagram},
    {"read", udp_socket_read},
    {"readAll", udp_socket_read_all},
    {"hasPendingDatagrams", udp_socket_has_pending_datagrams},
    {"pendingDatagramSize", udp_socket_pending_datagram_size},
    {"bytesAvailable", udp_socket_bytes_available},
    {NULL, NULL},
};
