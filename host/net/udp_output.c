/*
 * Sending datagrams; see udp_output.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/udp_output.h"

#include <errno.h>

static void mark_dirty(mp_udp_socket *socket) {
    struct mp_udp_shared *shared = mp_udp_shared_of(socket);
    socket->object.loop->unsent = true;
    if (socket->dirty || socket->full)
        return;
    socket->dirty = true;
    socket->next_dirty = NULL;
    if (shared->dirty_tail)
        shared->dirty_tail->next_dirty = socket;
    else
        shared->dirty_head = socket;
    shared->dirty_tail = socket;
}

static void unmark_dirty(mp_udp_socket *socket) {
    struct mp_udp_shared *shared = mp_udp_shared_of(socket);
    mp_udp_socket *previous = NULL;
    if (!socket->dirty)
        return;
    for (mp_udp_socket *it = shared->dirty_head; it != socket; it = it->next_dirty)
        previous = it;
    if (previous)
        previous->next_dirty = socket->next_dirty;
    else
        shared->dirty_head = socket->next_dirty;
    if (shared->dirty_tail == socket)
        shared->dirty_tail = previous;
    socket->dirty = false;
}

void mp_udp_drop_output(mp_udp_socket *socket) {
    unmark_dirty(socket);
    mp_datagram_queue_clear(&socket->out);
    socket->full = false;
}

enum mp_fault mp_udp_write(mp_udp_socket *socket, mp_datagram_head *head, const char *data) {
    bool addressed = head->peer.any.sa_family != AF_UNSPEC;
    bool mapped = head->peer.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&head->peer.v6.sin6_addr);
    if (!mp_udp_is_open(socket) || socket->watcher.fd < 0 ||
        (!addressed && socket->state != MP_STATE_CONNECTED))
        return MP_FAULT_NOT_CONNECTED;
    bool v6 = addressed ? socket->v6 && !mapped : socket->peer.protocol == MP_PROTOCOL_IPV6;
    if (head->size > (v6 ? MP_MOST_OF_IPV6 : MP_MOST_OF_IPV4))
        return MP_FAULT_DATAGRAM_TOO_LARGE;
    if (socket->write_limit > 0 && socket->out.count > 0 &&
        socket->out.bytes + mp_datagram_room(head->size) > socket->write_limit)
        return MP_FAULT_WRITE_BUFFER_FULL;
    if (mp_datagram_queue_append(&socket->out, head, data) < 0)
        return MP_FAULT_RESOURCE;
    mark_dirty(socket);
    return MP_FAULT_NONE;
}

/* What the system has refused, while one socket is flushed. */
typedef struct refusal_record {
    enum mp_fault told;
    int in_a_row;
} refusal_record;

/* Signals a refusal, several of one kind once. */
static void tell(mp_udp_socket *socket, refusal_record *refusals, enum mp_fault fault) {
    socket->fault = (uint8_t)fault;
    if (refusals->told != fault)
        mp_object_emit(&socket->object, MP_SIGNAL_ERROR_OCCURRED, fault);
    refusals->told = fault;
}

/* The system has refused the oldest datagram, or reports an earlier one, and may then take this. */
static void refused(mp_udp_socket *socket, refusal_record *refusals, int error) {
    bool earlier = socket->state == MP_STATE_CONNECTED && error == ECONNREFUSED;
    tell(socket, refusals,
         error == ECONNREFUSED ? MP_FAULT_CONNECTION_REFUSED : mp_fault_from_errno(MP_ATTEMPT_WRITE, error));
    if (earlier && ++refusals->in_a_row == 1)
        return;
    refusals->in_a_row = 0;
    mp_datagram_queue_drop(&socket->out);
}

size_t mp_udp_flush(mp_udp_socket *socket) {
    mp_datagram datagrams[MP_DATAGRAM_SLOTS];
    refusal_record refusals = {.told = MP_FAULT_NONE};
    size_t sent = 0, bytes = 0;
    unmark_dirty(socket);
    socket->full = false;
    while (socket->out.count > 0) {
        int count = mp_datagram_queue_look(&socket->out, datagrams, MP_DATAGRAM_SLOTS);
        int result = mp_system_send_datagrams(socket->watcher.fd, datagrams, count);
        if (result == -EAGAIN || result == -EWOULDBLOCK) {
            socket->full = true;
            break;
        }
        for (int i = 0; i < result; i++) {
            bytes += datagrams[i].head->size;
            mp_datagram_queue_drop(&socket->out);
        }
        if (result < 0)
            refused(socket, &refusals, -result);
        else
            refusals.in_a_row = 0;
        sent += result > 0 ? (size_t)result : 0;
    }
    mp_datagram_queue_trim(&socket->out);
    if (sent > 0) {
        socket->bytes_sent += bytes;
        socket->datagrams_sent += sent;
        mp_udp_network(socket)->traffic.bytes_sent += bytes;
        if (mp_loop_wants(&socket->object, MP_SIGNAL_BYTES_WRITTEN))
            mp_object_emit(&socket->object, MP_SIGNAL_BYTES_WRITTEN, (intptr_t)bytes);
    }
    mp_udp_update_watcher(socket);
    return sent;
}

void mp_udp_send_all(mp_network *network) {
    struct mp_udp_shared *shared = network->udp;
    while (shared->dirty_head) {
        mp_udp_socket *socket = shared->dirty_head;
        (void)mp_udp_flush(socket);
        if (socket->state == MP_STATE_CLOSING && socket->out.count == 0)
            mp_object_defer(&socket->object, MP_UDP_STEP_CLOSE);
    }
}
