/*
 * A TCP socket's descriptor: bound or adopted instead of connected or accepted.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "loop/reserve.h"
#include "net/descriptor.h"
#include "net/listener.h"
#include "net/stream_close.h"
#include "net/stream_input.h"
#include "net/tcp_socket.h"
#include "system/adoption.h"
#include "system/system.h"

enum mp_fault mp_tcp_socket_bind(mp_tcp_socket *socket, const mp_address *address, uint16_t port,
                                 int bind_mode) {
    mp_stream *stream = &socket->stream;
    mp_network *network = mp_stream_network(stream);
    enum mp_fault fault = MP_FAULT_UNFINISHED;
    int family = address->protocol == MP_PROTOCOL_IPV4 || address->protocol == MP_PROTOCOL_UNKNOWN ? AF_INET
                                                                                                   : AF_INET6;
    mp_address v4_any;
    int fd = -1, result;
    if (stream->state != MP_STATE_UNCONNECTED)
        goto fail;
    fd = mp_system_socket(family);
    if (fd == -EAFNOSUPPORT && address->protocol == MP_PROTOCOL_ANY) { /* as listen without IPv6 */
        mp_address_set_null(&v4_any);
        address = &v4_any;
        family = AF_INET;
        fd = mp_system_socket(family);
    }
    if (fd < 0) {
        fault = mp_fault_from_errno(MP_ATTEMPT_SOCKET, -fd);
        goto fail;
    }
    if (bind_mode & (MP_BIND_SHARE | MP_BIND_REUSE_HINT))
        (void)mp_system_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    (void)mp_system_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (family == AF_INET6)
        (void)mp_system_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, address->protocol != MP_PROTOCOL_ANY);
    result = mp_system_bind(fd, address, port);
    if (result < 0) {
        fault = mp_fault_from_errno(MP_ATTEMPT_BIND, -result);
        goto fail;
    }
    if (stream->watcher.fd >= 0)
        mp_descriptor_close(network, stream->watcher.fd);
    mp_descriptor_own(network, fd);
    ev_io_set(&stream->watcher, fd, 0);
    mp_tcp_socket_class.forget(stream);
    stream->flags &= ALL_BUT(FLAG_FINISHED_TOLD);
    stream->flags |= FLAG_KEEP_DESCRIPTOR;
    mp_stream_set_state(stream, MP_STATE_BOUND);
    return MP_FAULT_NONE;
fail:
    if (fd >= 0)
        mp_system_close(fd);
    stream->fault = (uint8_t)fault;
    mp_object_emit(&stream->object, MP_SIGNAL_ERROR_OCCURRED, fault);
    mp_object_check(&stream->object);
    return fault;
}

enum mp_fault mp_tcp_socket_set_descriptor(mp_tcp_socket *socket, int fd, enum mp_socket_state state,
                                           int open_mode) {
    mp_stream *stream = &socket->stream;
    mp_network *network = mp_stream_network(stream);
    bool listening = false;
    assert(mp_tcp_socket_can_adopt_as(state));
    bool is_socket = fd >= 0 && mp_system_is_stream_socket(fd, &listening);
    if (fd < 0 || mp_descriptor_is_owned(network, fd) || (!is_socket && !mp_system_is_pipe(fd)) ||
        listening) {
        mp_object_check(&stream->object);
        return MP_FAULT_INVALID_DESCRIPTOR;
    }
    if (!mp_reserve_is_whole() || mp_system_adopt(fd) < 0) {
        mp_object_check(&stream->object);
        return mp_reserve_is_whole() ? MP_FAULT_INVALID_DESCRIPTOR : MP_FAULT_RESOURCE;
    }
    mp_descriptor_own(network, fd);
    mp_stream_drop_input(stream);
    mp_stream_shut(stream, false);
    mp_stream_detach(stream);
    mp_tcp_socket_class.forget(stream);
    stream->flags &= KEPT_ALWAYS;
    stream->flags |= FLAG_KEEP_DESCRIPTOR | (is_socket ? 0 : FLAG_PIPE);
    mp_stream_clear_fault(stream);
    stream->open_mode = (uint8_t)open_mode;
    if (stream->state != state)
        mp_stream_set_state(stream, state);
    if (state == MP_STATE_CONNECTED) {
        (void)mp_system_peer_address(fd, &socket->peer, &stream->port);
        (void)mp_stream_establish(stream, fd);
    } else {
        /* Only a descriptor that isn't a TCP socket lacks this option. */
        (void)mp_system_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        ev_io_set(&stream->watcher, fd, 0);
    }
    assert(mp_stream_is_sound(stream));
    return MP_FAULT_NONE;
}
