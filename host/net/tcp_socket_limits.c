/*
 * The limits of connections: the defaults, a socket's own, and what a change of them means for it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/tcp_socket_private.h"

#include <errno.h>

#include "net/tcp_server.h"

const mp_limits mp_default_limits = {
    .read_buffer = 16 << 20,
    .write_buffer = 16 << 20,
    .high_water_mark = 1 << 20,
};

const mp_limits *mp_tcp_socket_limits(const mp_tcp_socket *socket) {
    if (socket->flags & FLAG_OWN_LIMITS)
        return &socket->extras->limits;
    return socket->listener ? &socket->listener->limits : &mp_default_limits;
}

mp_limits *mp_tcp_socket_own_limits(mp_tcp_socket *socket) {
    if (!(socket->flags & FLAG_OWN_LIMITS)) {
        if (!mp_tcp_socket_need_extras(socket))
            return NULL;
        socket->extras->limits = *mp_tcp_socket_limits(socket);
        socket->flags |= FLAG_OWN_LIMITS;
    }
    return &socket->extras->limits;
}

int mp_tcp_socket_apply_limits(mp_tcp_socket *socket) {
    const mp_limits *limits = mp_tcp_socket_limits(socket);
    size_t mark = limits->high_water_mark;
    if (mp_tcp_socket_has_room(socket))
        socket->flags &= ALL_BUT(FLAG_READ_FULL);
    if (mark == 0 || socket->out.bytes <= mark / 2)
        socket->flags &= ALL_BUT(FLAG_THROTTLED);
    else if (socket->out.bytes > mark && (socket->flags & FLAG_SHORT_WRITE))
        socket->flags |= FLAG_THROTTLED;
    mp_tcp_socket_update_watcher(socket);
    if (socket->state != MP_STATE_CONNECTED && socket->state != MP_STATE_CLOSING)
        return 0;
    return mp_tcp_socket_watch_idle(socket, limits->idle_timeout);
}
