/*
 * Writing. write only queues; what a handler wrote leaves when it returns or waits, in one system call a socket, and
 * EV_WRITE is armed only after the system took less than there was.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/tcp_socket_private.h"

#include <errno.h>

#include "system/system.h"

#define VECTORS 32

enum mp_fault mp_tcp_socket_can_write(const mp_tcp_socket *socket, size_t size) {
    if (socket->open_mode == MP_NOT_OPEN)
        return MP_FAULT_NOT_OPEN;
    if (!(socket->open_mode & MP_WRITE_ONLY))
        return MP_FAULT_READ_ONLY;
    if (socket->state == MP_STATE_UNCONNECTED || socket->state == MP_STATE_BOUND ||
        (socket->flags & FLAG_WRITE_FAILED))
        return MP_FAULT_NOT_CONNECTED;
    if (socket->flags & FLAG_WRITE_CLOSED)
        return MP_FAULT_WRITE_CHANNEL_CLOSED;
    /* A single large write to an empty queue is the script's own decision. */
    if (socket->out.bytes == 0)
        return MP_FAULT_NONE;
    size_t limit = mp_tcp_socket_limits(socket)->write_buffer;
    return limit > 0 && socket->out.bytes + size > limit ? MP_FAULT_WRITE_BUFFER_FULL : MP_FAULT_NONE;
}

/* Arms or disarms EV_WRITE, and stops or resumes reading for the high-water mark (D10). */
static void balance(mp_tcp_socket *socket) {
    size_t left = socket->out.bytes;
    uint32_t before = socket->flags;
    if (left == 0 && !(before & (FLAG_SHORT_WRITE | FLAG_THROTTLED)))
        return;
    size_t mark = mp_tcp_socket_limits(socket)->high_water_mark;
    if (left > 0)
        socket->flags |= FLAG_SHORT_WRITE;
    else
        socket->flags &= ALL_BUT(FLAG_SHORT_WRITE);
    if (mark > 0 && left > mark)
        socket->flags |= FLAG_THROTTLED;
    else if (left <= mark / 2)
        socket->flags &= ALL_BUT(FLAG_THROTTLED);
    if (socket->flags != before)
        mp_tcp_socket_update_watcher(socket);
}

void mp_tcp_socket_drop_output(mp_tcp_socket *socket) {
    mp_write_queue_clear(&socket->out, socket->object.loop);
    socket->flags &= ALL_BUT(FLAG_SHORT_WRITE | FLAG_THROTTLED);
    mp_tcp_socket_update_watcher(socket);
}

enum mp_fault mp_tcp_socket_write(mp_tcp_socket *socket, const char *data, size_t size, int token) {
    mp_loop *loop = socket->object.loop;
    enum mp_fault fault = mp_tcp_socket_can_write(socket, size);
    if (fault != MP_FAULT_NONE) {
        if (fault == MP_FAULT_NOT_CONNECTED && socket->state == MP_STATE_UNCONNECTED)
            socket->fault = (uint8_t)fault;
        return fault;
    }
    if (size == 0)
        return MP_FAULT_NONE;
    if (token == MP_BORROW && (socket->out.bytes > 0 || socket->state < MP_STATE_CONNECTED))
        token = MP_COPY; /* it isn't sent with the next flush */
    if (mp_write_queue_append(&socket->out, loop, data, size, token) < 0)
        return MP_FAULT_RESOURCE;
    if (socket->flags & FLAG_SHORT_WRITE) {
        balance(socket); /* a peer that reads nothing gives no other occasion to look at the mark */
    } else if (!(socket->flags & FLAG_DIRTY) && socket->state >= MP_STATE_CONNECTED) {
        socket->flags |= FLAG_DIRTY;
        mp_loop_mark_dirty(loop, socket);
    }
    return MP_FAULT_NONE;
}

/* Nothing can be sent any more. What the peer sent before it went is still read; its end then ends the socket. */
static void write_failed(mp_tcp_socket *socket, int error) {
    enum mp_fault fault = mp_fault_from_errno(MP_ATTEMPT_WRITE, error);
    mp_tcp_socket_drop_output(socket);
    socket->flags |= FLAG_WRITE_FAILED;
    socket->fault = (uint8_t)fault;
    if (socket->state != MP_STATE_CONNECTED || (socket->flags & FLAG_READ_ENDED) ||
        !(socket->open_mode & MP_READ_ONLY))
        mp_tcp_socket_remote_closed(socket, fault, false);
}

/* Sends until the queue is empty or the system takes no more; returns the bytes sent. */
static size_t send_queued(mp_tcp_socket *socket) {
    mp_loop *loop = socket->object.loop;
    struct iovec vectors[VECTORS];
    size_t sent = 0;
    bool more = true;
    while (more && socket->out.bytes > 0) {
        int count = mp_write_queue_vectors(&socket->out, vectors, VECTORS);
        size_t wanted = 0;
        for (int i = 0; i < count; i++)
            wanted += vectors[i].iov_len;
        bool plain = socket->flags & FLAG_PLAIN;
        ssize_t n = count == 1
                        ? mp_system_send(socket->watcher.fd, vectors[0].iov_base, vectors[0].iov_len, plain)
                        : mp_system_send_vectors(socket->watcher.fd, vectors, count, plain);
        if (n < 0 && n != -EAGAIN && n != -EWOULDBLOCK) {
            write_failed(socket, (int)-n);
            break;
        }
        if (n > 0) {
            mp_write_queue_consume(&socket->out, loop, (size_t)n);
            sent += (size_t)n;
        }
        more = n == (ssize_t)wanted;
    }
    socket->bytes_sent += sent;
    loop->statistics.bytes_sent += sent;
    return sent;
}

/* A failure is the peer's doing: reading tells of it. */
void mp_tcp_socket_end_writing(mp_tcp_socket *socket) {
    if ((socket->flags & FLAG_WRITE_CLOSED) && socket->out.bytes == 0)
        (void)mp_system_shutdown_write(socket->watcher.fd);
}

enum mp_fault mp_tcp_socket_close_write_channel(mp_tcp_socket *socket) {
    if (socket->state == MP_STATE_UNCONNECTED || socket->state == MP_STATE_BOUND ||
        (socket->flags & FLAG_WRITE_FAILED))
        return MP_FAULT_NOT_CONNECTED;
    if (socket->flags & FLAG_PLAIN) {
        if (socket->open_mode & MP_READ_ONLY)
            return MP_FAULT_UNSUPPORTED;
        mp_tcp_socket_disconnect(socket);
        return MP_FAULT_NONE;
    }
    if (socket->flags & FLAG_WRITE_CLOSED)
        return MP_FAULT_NONE;
    socket->flags |= FLAG_WRITE_CLOSED;
    if (socket->state < MP_STATE_CONNECTED)
        return MP_FAULT_NONE;
    mp_tcp_socket_end_writing(socket);
    if ((socket->flags & FLAG_READ_ENDED) && socket->state == MP_STATE_CONNECTED &&
        socket->phase == PHASE_OPEN)
        mp_tcp_socket_both_ended(socket);
    return MP_FAULT_NONE;
}

bool mp_tcp_socket_write_channel_closed(const mp_tcp_socket *socket) {
    return (socket->flags & FLAG_WRITE_CLOSED) != 0;
}

/* Returns the bytes sent. What is sent from the loop need not be queued as a signal that nobody wants: no handler can
   be attached before it is delivered. */
static size_t flush(mp_tcp_socket *socket, bool from_loop) {
    if (socket->out.bytes == 0 || socket->watcher.fd < 0 || socket->state < MP_STATE_CONNECTED)
        return 0;
    size_t sent = send_queued(socket);
    balance(socket);
    mp_tcp_socket_end_writing(socket);
    if (sent > 0) {
        if (socket->extras)
            mp_idle_touch(&socket->extras->idle);
        if (!from_loop || mp_loop_wants(&socket->object, MP_SIGNAL_BYTES_WRITTEN))
            mp_loop_emit(&socket->object, MP_SIGNAL_BYTES_WRITTEN, (intptr_t)sent);
    }
    /* By way of the queue: the last bytesWritten comes before the end. */
    if (socket->out.bytes == 0 && socket->state == MP_STATE_CLOSING)
        mp_loop_defer(&socket->object, STEP_CLOSE);
    return sent;
}

bool mp_tcp_socket_flush(mp_tcp_socket *socket) {
    return flush(socket, false) > 0;
}

void mp_tcp_socket_flush_dirty(mp_tcp_socket *socket) {
    socket->flags &= ALL_BUT(FLAG_DIRTY);
    /* `connected` comes first, and a close that was asked for before it: ClosingState, then bytesWritten. */
    if (!(socket->flags & (FLAG_UNANNOUNCED | FLAG_CLOSE_CONNECTED)))
        (void)flush(socket, true);
    if (socket->out.bytes > 0 && mp_write_queue_own(&socket->out, socket->object.loop) < 0)
        mp_tcp_socket_fail(socket, MP_FAULT_RESOURCE);
}

void mp_tcp_socket_on_writable(mp_tcp_socket *socket) {
    (void)flush(socket, true);
}
