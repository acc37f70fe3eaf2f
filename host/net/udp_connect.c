/*
 * Connecting UDP sockets; see udp_connect.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/udp_connect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/descriptor.h"
#include "net/udp_bind.h"
#include "net/udp_output.h"

void mp_udp_cancel_connect(mp_udp_socket *socket) {
    if (!socket->connecting)
        return;
    mp_host_lookup_end(&socket->connecting->lookup);
    free(socket->connecting);
    socket->connecting = NULL;
}

static void close_descriptor(mp_udp_socket *socket) {
    mp_udp_drop_output(socket);
    int fd = mp_udp_take_descriptor(socket);
    if (fd >= 0)
        mp_descriptor_close(mp_udp_network(socket), fd);
}

static void failed(mp_udp_socket *socket, enum mp_fault fault, bool signal_error) {
    mp_udp_cancel_connect(socket);
    close_descriptor(socket);
    socket->fault = (uint8_t)fault;
    mp_udp_set_state(socket, MP_STATE_UNCONNECTED);
    if (signal_error)
        mp_udp_fail(socket, fault);
    mp_object_check(&socket->object);
}

void mp_udp_connect_timed_out(mp_udp_socket *socket) {
    if (socket->connecting)
        failed(socket, MP_FAULT_SOCKET_TIMEOUT, false);
}

/* Returns 0 or -errno. */
static int try_address(mp_udp_socket *socket, const mp_address *address, uint16_t port, bool keeps) {
    mp_socket_address peer;
    bool v6 = keeps ? socket->v6 : address->protocol == MP_PROTOCOL_IPV6;
    if (keeps && v6 && socket->v6_only && address->protocol == MP_PROTOCOL_IPV4)
        return -EAFNOSUPPORT;
    int result = mp_socket_address_set(&peer, address, port, v6);
    if (result == 0 && !keeps)
        result = mp_udp_open_unbound(socket, v6);
    if (result < 0)
        return result;
    result = mp_system_connect_datagrams(socket->watcher.fd, &peer);
    if (result < 0 && !keeps)
        close_descriptor(socket);
    return result;
}

static void found(mp_udp_socket *socket) {
    mp_udp_connect *connecting = socket->connecting;
    bool keeps = socket->watcher.fd >= 0;
    const mp_address *address = mp_host_lookup_address(&connecting->lookup, 0);
    int result = 0;
    if (!address) {
        failed(socket, connecting->lookup.fault, true);
        return;
    }
    mp_udp_set_state(socket, MP_STATE_CONNECTING);
    mp_object_emit(&socket->object, MP_SIGNAL_HOST_FOUND, 0);
    for (size_t i = 1; address; i++) {
        result = try_address(socket, address, connecting->port, keeps);
        if (result == 0)
            break;
        address = mp_host_lookup_address(&connecting->lookup, i);
    }
    if (!address) {
        failed(socket, mp_fault_from_errno(MP_ATTEMPT_CONNECT, -result), true);
        return;
    }
    socket->peer = *address;
    socket->peer_port = connecting->port;
    mp_udp_cancel_connect(socket);
    mp_udp_find_local(socket);
    mp_udp_set_state(socket, MP_STATE_CONNECTED);
    mp_object_emit(&socket->object, MP_SIGNAL_CONNECTED, 0);
    mp_udp_update_watcher(socket);
}

static void on_found(mp_host_lookup *lookup) {
    found(MP_CONTAINER(lookup, mp_udp_connect, lookup)->socket);
}

enum mp_fault mp_udp_connect_to(mp_udp_socket *socket, const char *host, uint16_t port,
                                enum mp_protocol protocol) {
    mp_udp_connect *connecting = calloc(1, sizeof *connecting);
    char *name = strdup(host);
    if (!connecting || !name) {
        free(connecting);
        free(name);
        mp_object_check(&socket->object);
        return MP_FAULT_RESOURCE;
    }
    free(socket->peer_name);
    socket->peer_name = name;
    socket->fault = MP_FAULT_NONE;
    socket->connecting = connecting;
    connecting->socket = socket;
    connecting->port = port;
    mp_udp_set_state(socket, MP_STATE_HOST_LOOKUP);
    mp_udp_update_watcher(socket);
    int result = mp_host_lookup_start(&connecting->lookup, mp_udp_network(socket), host, protocol, on_found);
    if (result == 0)
        return MP_FAULT_NONE;
    if (result > 0)
        found(socket);
    else
        failed(socket, mp_fault_from_errno(MP_ATTEMPT_LOOKUP, -result), true);
    return socket->state == MP_STATE_UNCONNECTED ? (enum mp_fault)socket->fault : MP_FAULT_NONE;
}
