/*
 * A TCP socket's descriptor: bound or adopted instead of connected or accepted, and the addresses of its two ends.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/tcp_socket_private.h"

#include <netinet/in.h>

#include "net/descriptor.h"
#include "system/system.h"

enum mp_fault mp_tcp_socket_bind(mp_tcp_socket *socket, const mp_address *address, uint16_t port,
                                 int bind_mode) {
    enum mp_fault fault = MP_FAULT_UNFINISHED;
    int family = address->protocol == MP_PROTOCOL_IPV4 || address->protocol == MP_PROTOCOL_UNKNOWN ? AF_INET
                                                                                                   : AF_INET6;
    int fd = -1, result;
    if (socket->state != MP_STATE_UNCONNECTED)
        goto fail;
    fd = mp_system_socket(family);
    if (fd < 0) {
        fault = mp_fault_from_errno(MP_ATTEMPT_SOCKET, -fd);
        goto fail;
    }
    if (bind_mode & (MP_BIND_SHARE | MP_BIND_REUSE_HINT))
        (void)mp_system_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (family == AF_INET6)
        (void)mp_system_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, address->protocol != MP_PROTOCOL_ANY);
    result = mp_system_bind(fd, address, port);
    if (result < 0) {
        fault = mp_fault_from_errno(MP_ATTEMPT_BIND, -result);
        goto fail;
    }
    if (socket->watcher.fd >= 0)
        mp_descriptor_close(socket->object.loop, socket->watcher.fd);
    mp_descriptor_own(socket->object.loop, fd);
    ev_io_set(&socket->watcher, fd, 0);
    mp_tcp_socket_forget_addresses(socket);
    socket->flags &= ALL_BUT(FLAG_FINISHED_TOLD);
    socket->flags |= FLAG_KEEP_DESCRIPTOR;
    mp_tcp_socket_set_state(socket, MP_STATE_BOUND);
    return MP_FAULT_NONE;
fail:
    if (fd >= 0)
        mp_system_close(fd);
    socket->fault = (uint8_t)fault;
    mp_loop_emit(&socket->object, MP_SIGNAL_ERROR_OCCURRED, fault);
    mp_object_check(&socket->object);
    return fault;
}

enum mp_fault mp_tcp_socket_set_descriptor(mp_tcp_socket *socket, int fd, enum mp_socket_state state,
                                           int open_mode) {
    bool listening = false;
    bool stream = fd >= 0 && mp_system_is_stream_socket(fd, &listening);
    if (fd < 0 || mp_descriptor_is_owned(socket->object.loop, fd) || (!stream && !mp_system_is_pipe(fd)) ||
        listening) {
        mp_object_check(&socket->object);
        return MP_FAULT_INVALID_DESCRIPTOR;
    }
    if (mp_system_adopt(fd) < 0)
        return MP_FAULT_INVALID_DESCRIPTOR;
    mp_descriptor_own(socket->object.loop, fd);
    mp_tcp_socket_drop_input(socket);
    mp_tcp_socket_shut(socket, false);
    mp_tcp_socket_detach(socket);
    mp_tcp_socket_forget_addresses(socket);
    socket->flags &= FLAG_DIRTY | FLAG_OWN_LIMITS;
    socket->flags |= FLAG_KEEP_DESCRIPTOR | (stream ? 0 : FLAG_PLAIN);
    socket->fault = MP_FAULT_NONE;
    socket->open_mode = (uint8_t)open_mode;
    if (state == MP_STATE_CONNECTED) {
        (void)mp_system_peer_address(fd, &socket->peer, &socket->peer_port);
        mp_tcp_socket_established(socket, fd);
    } else {
        ev_io_set(&socket->watcher, fd, 0);
    }
    if (socket->state != state)
        mp_tcp_socket_set_state(socket, state);
    if (state == MP_STATE_CONNECTED)
        mp_tcp_socket_update_watcher(socket);
    return MP_FAULT_NONE;
}

int mp_tcp_socket_descriptor(const mp_tcp_socket *socket) {
    return socket->watcher.fd;
}

bool mp_tcp_socket_is_valid(const mp_tcp_socket *socket) {
    return socket->watcher.fd >= 0 || socket->open_mode != MP_NOT_OPEN;
}

void mp_tcp_socket_forget_addresses(mp_tcp_socket *socket) {
    socket->flags &= ALL_BUT(FLAG_FINAL);
    mp_address_set_null(&socket->peer);
    socket->peer_port = 0;
    if (socket->extras) {
        mp_address_set_null(&socket->extras->local);
        socket->extras->local_port = 0;
    }
}

void mp_tcp_socket_local_address(mp_tcp_socket *socket, mp_address *address, uint16_t *port) {
    mp_address_set_null(address);
    *port = 0;
    if (socket->watcher.fd >= 0 && socket->state != MP_STATE_UNCONNECTED) {
        if (mp_system_local_address(socket->watcher.fd, address, port) < 0)
            mp_address_set_null(address);
    } else if ((socket->flags & FLAG_FINAL) && socket->object.delivering && socket->extras) {
        *address = socket->extras->local;
        *port = socket->extras->local_port;
    }
}

void mp_tcp_socket_peer_address(const mp_tcp_socket *socket, mp_address *address, uint16_t *port) {
    mp_address_set_null(address);
    *port = 0;
    if (socket->state != MP_STATE_UNCONNECTED ||
        ((socket->flags & FLAG_FINAL) && socket->object.delivering)) {
        *address = socket->peer;
        *port = socket->peer_port;
    }
}

const char *mp_tcp_socket_peer_name(const mp_tcp_socket *socket) {
    return socket->extras && socket->extras->peer_name ? socket->extras->peer_name : "";
}
