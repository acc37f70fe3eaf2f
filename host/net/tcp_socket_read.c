/*
 * Reading. One recv a wake-up, into the buffer that all sockets of the loop share, side by side until all that are ready have
 * been received from. While the readyRead handler runs, its part of that buffer is the socket's unread data, and only what the
 * handler leaves is copied to a buffer of the socket's own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/tcp_socket_private.h"

#include <errno.h>
#include <stdlib.h>

#include "system/system.h"

/* As much may have arrived, in pieces that each begin at a multiple of ALIGNMENT, before their handlers run. More would leave
   little to a socket that has much, and the nearest cache. */
#define BATCH_BYTES 16384
#define ALIGNMENT 64

static bool borrows(const mp_tcp_socket *socket) {
    return socket->in == socket->object.loop->input;
}

bool mp_tcp_socket_has_room(const mp_tcp_socket *socket) {
    size_t limit = mp_tcp_socket_limits(socket)->read_buffer;
    return limit == 0 || mp_buffer_held(socket->in) < limit;
}

/* Frees an emptied buffer: an idle socket owns none. */
static void tidy(mp_tcp_socket *socket) {
    if (socket->in && !borrows(socket) && mp_buffer_held(socket->in) == 0 &&
        !(socket->flags & FLAG_TRANSACTION)) {
        free(socket->in);
        socket->in = NULL;
    }
}

void mp_tcp_socket_drop_input(mp_tcp_socket *socket) {
    if (borrows(socket))
        mp_buffer_reset(socket->in);
    else
        free(socket->in);
    socket->in = NULL;
}

/* The handler has run: what it left moves to the socket's own buffer. */
static void keep_rest(mp_tcp_socket *socket) {
    if (!borrows(socket))
        return;
    mp_buffer *shared = socket->in;
    socket->in = NULL;
    if (mp_buffer_held(shared) > 0 && !(socket->in = mp_buffer_clone(shared)))
        mp_tcp_socket_fail(socket, MP_FAULT_RESOURCE);
}

/* A full buffer: TCP's own window holds the peer up from now on. */
static void rest(mp_tcp_socket *socket) {
    if (mp_tcp_socket_has_room(socket) || (socket->flags & FLAG_READ_FULL))
        return;
    socket->flags |= FLAG_READ_FULL;
    size_t limit = mp_tcp_socket_limits(socket)->read_buffer;
    if (limit >= mp_default_limits.read_buffer && !(socket->flags & FLAG_LIMIT_LOGGED)) {
        socket->flags |= FLAG_LIMIT_LOGGED;
        mp_log(
            socket->object.loop->log_level, MP_LOG_WARNING,
            "socket %d: the read buffer has reached its bound of %zu bytes; reading rests until it is read",
            socket->watcher.fd, limit);
    }
    mp_tcp_socket_update_watcher(socket);
}

/* Makes `size` bytes of the shared buffer the socket's unread data. False: nobody is to be told of them now. */
static bool hand_over(mp_tcp_socket *socket, uint32_t start, uint32_t size) {
    mp_loop *loop = socket->object.loop;
    mp_buffer *shared = loop->input;
    socket->bytes_read += size;
    loop->statistics.bytes_read += size;
    if (!(socket->open_mode & MP_READ_ONLY)) {
        mp_loop_emit(&socket->object, MP_SIGNAL_READY_READ, 0); /* for those who wait; nothing can be read */
        return false;
    }
    if (!socket->in) {
        mp_buffer_reset(shared);
        shared->start = start;
        shared->end = start + size;
        socket->in = shared;
        if (socket->flags & FLAG_TRANSACTION)
            shared->mark = start;
    } else if (mp_buffer_append(&socket->in, shared->data + start, size) < 0) {
        mp_tcp_socket_fail(socket, MP_FAULT_RESOURCE);
        return false;
    }
    return true;
}

mp_tcp_socket *mp_tcp_socket_next_arrival(mp_loop *loop) {
    mp_tcp_socket *socket = loop->receiver;
    if (socket) {
        keep_rest(socket);
        if (socket->in)
            rest(socket);
    }
    while (loop->delivered < loop->arrival_count) {
        const mp_arrival *arrival = &loop->arrivals[loop->delivered++];
        socket = arrival->socket;
        if (!socket)
            continue;
        socket->flags &= ALL_BUT(FLAG_ARRIVED);
        /* An earlier handler may have begun to close it. */
        if (socket->state == MP_STATE_CONNECTED && !(socket->flags & FLAG_READ_ENDED) &&
            hand_over(socket, arrival->start, arrival->size))
            return loop->receiver = socket;
    }
    return loop->receiver = NULL;
}

void mp_tcp_socket_deliver(mp_loop *loop) {
    loop->delivered = 0;
    loop->upcalls->arrived(loop);
    loop->arrival_count = 0;
    loop->input_used = MP_BUFFER_HEADROOM;
    mp_loop_settle(loop);
}

void mp_tcp_socket_drop_arrival(mp_tcp_socket *socket) {
    mp_loop *loop = socket->object.loop;
    for (uint32_t i = 0; i < loop->arrival_count; i++)
        if (loop->arrivals[i].socket == socket)
            loop->arrivals[i].socket = NULL;
    socket->flags &= ALL_BUT(FLAG_ARRIVED);
}

/* What came lies in the shared buffer until its handler runs. Few bytes leave room for what comes for others. */
static void arrived(mp_tcp_socket *socket, uint32_t size) {
    mp_loop *loop = socket->object.loop;
    if (socket->extras)
        mp_idle_touch(&socket->extras->idle);
    socket->flags |= FLAG_ARRIVED;
    loop->arrivals[loop->arrival_count++] = (mp_arrival){socket, loop->input_used, size};
    loop->input_used += (size + ALIGNMENT - 1) & ~(uint32_t)(ALIGNMENT - 1);
}

bool mp_tcp_socket_is_batch_full(const mp_loop *loop) {
    return loop->arrival_count == MP_BATCH || loop->input_used > BATCH_BYTES;
}

void mp_tcp_socket_on_readable(mp_tcp_socket *socket) {
    mp_loop *loop = socket->object.loop;
    size_t limit = mp_tcp_socket_limits(socket)->read_buffer, size = loop->input->capacity - loop->input_used;
    if (socket->state != MP_STATE_CONNECTED || (socket->flags & (FLAG_READ_ENDED | FLAG_ARRIVED)))
        return;
    if (limit > 0) {
        size_t held = mp_buffer_held(socket->in);
        if (held >= limit) {
            rest(socket);
            return;
        }
        if (limit - held < size)
            size = limit - held;
    }
    ssize_t n = mp_system_receive(socket->watcher.fd, loop->input->data + loop->input_used, size,
                                  socket->flags & FLAG_PLAIN);
    if (n > 0)
        arrived(socket, (uint32_t)n);
    else if (n == 0)
        mp_tcp_socket_remote_closed(
            socket, socket->flags & FLAG_WRITE_FAILED ? socket->fault : MP_FAULT_REMOTE_CLOSED,
            !(socket->flags & FLAG_WRITE_FAILED));
    else if (n != -EAGAIN && n != -EWOULDBLOCK)
        mp_tcp_socket_remote_closed(socket, mp_fault_from_errno(MP_ATTEMPT_READ, (int)-n), false);
}

const char *mp_tcp_socket_peek(const mp_tcp_socket *socket, size_t *size) {
    *size = mp_buffer_size(socket->in);
    return socket->in ? socket->in->data + socket->in->start : "";
}

size_t mp_tcp_socket_line(const mp_tcp_socket *socket) {
    return socket->in ? mp_buffer_line(socket->in) : 0;
}

void mp_tcp_socket_consume(mp_tcp_socket *socket, size_t size) {
    if (!socket->in)
        return;
    size_t unread = mp_buffer_size(socket->in);
    socket->in->start += size < unread ? size : unread;
    tidy(socket);
    if ((socket->flags & FLAG_READ_FULL) && mp_tcp_socket_has_room(socket)) {
        socket->flags &= ALL_BUT(FLAG_READ_FULL);
        mp_tcp_socket_update_watcher(socket);
    }
}

bool mp_tcp_socket_may_keep_input(const mp_tcp_socket *socket) {
    const mp_loop *loop = socket->object.loop;
    return borrows(socket) && !(socket->flags & FLAG_TRANSACTION) && loop->delivered == loop->arrival_count;
}

void mp_tcp_socket_keep_input(mp_tcp_socket *socket, mp_buffer *next) {
    socket->in = NULL;
    socket->object.loop->input = next;
}

int mp_tcp_socket_unget(mp_tcp_socket *socket, char c) {
    if (socket->flags & FLAG_TRANSACTION)
        return -EBUSY;
    /* The shared buffer's headroom serves a few bytes; for more, the data moves to the socket's own. */
    if (socket->in && borrows(socket) && socket->in->start == 0) {
        mp_buffer *own = mp_buffer_clone(socket->in);
        if (!own)
            return -ENOMEM;
        socket->in = own;
    }
    return mp_buffer_unget(&socket->in, c);
}

int mp_tcp_socket_start_transaction(mp_tcp_socket *socket) {
    if (socket->flags & FLAG_TRANSACTION)
        return -EINVAL;
    socket->flags |= FLAG_TRANSACTION;
    if (socket->in)
        socket->in->mark = socket->in->start;
    return 0;
}

static int end_transaction(mp_tcp_socket *socket, bool rollback) {
    if (!(socket->flags & FLAG_TRANSACTION))
        return -EINVAL;
    socket->flags &= ALL_BUT(FLAG_TRANSACTION);
    if (socket->in) {
        if (rollback)
            mp_buffer_rewind(socket->in);
        socket->in->mark = MP_BUFFER_NO_MARK;
    }
    mp_tcp_socket_consume(socket, 0);
    return 0;
}

int mp_tcp_socket_commit_transaction(mp_tcp_socket *socket) {
    return end_transaction(socket, false);
}

int mp_tcp_socket_rollback_transaction(mp_tcp_socket *socket) {
    return end_transaction(socket, true);
}

bool mp_tcp_socket_in_transaction(const mp_tcp_socket *socket) {
    return (socket->flags & FLAG_TRANSACTION) != 0;
}
