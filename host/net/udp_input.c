/*
 * Receiving datagrams; see udp_input.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/udp_input.h"

#include <errno.h>

/* So often in a row a peer's system may refuse a datagram before the socket pauses. */
enum { MOST_REFUSALS = 32 };

/* The system doesn't give what it has. Refusals by a connected socket's peer are each of one datagram. All
   else is signalled once in a row, and may last: the poll would call at once. */
static void failed(mp_udp_socket *socket, int error) {
    bool refused = error == ECONNREFUSED;
    if (refused)
        mp_udp_fail(socket, MP_FAULT_CONNECTION_REFUSED);
    else if (socket->failures == 0)
        mp_udp_fail(socket, mp_fault_from_errno(MP_ATTEMPT_READ, error));
    if (socket->failures < UINT8_MAX)
        socket->failures++;
    if (!refused || socket->failures > MOST_REFUSALS)
        mp_udp_rest(socket);
}

bool mp_udp_receive(mp_udp_socket *socket) {
    struct mp_udp_shared *shared = mp_udp_shared_of(socket);
    assert(shared->used < MP_DATAGRAM_SLOTS);
    int count = mp_system_receive_datagrams(socket->watcher.fd, shared->slots, shared->used);
    if (count < 0 && count != -EAGAIN && count != -EWOULDBLOCK) {
        failed(socket, -count);
        return false;
    }
    socket->failures = 0;
    if (count < 0)
        return false;
    shared->arrivals[shared->arrival_count++] = (mp_udp_arrival){
        .socket = socket, .start = shared->used, .count = count};
    shared->used += count;
    return shared->used == MP_DATAGRAM_SLOTS;
}

/* --- handing over --------------------------------------------------------------------------------------- */

/* A datagram leaves for a handler or a reader. */
static void count(mp_udp_socket *socket, const mp_datagram *datagram) {
    socket->datagrams_read++;
    socket->bytes_read += datagram->head->size;
    mp_udp_network(socket)->traffic.bytes_read += datagram->head->size;
}

bool mp_udp_peek(const mp_udp_socket *socket, mp_datagram *out) {
    return mp_datagram_queue_look(&socket->in, out, 1) > 0;
}

bool mp_udp_take(mp_udp_socket *socket, mp_datagram *out) {
    if (!mp_udp_peek(socket, out))
        return false;
    mp_datagram_queue_drop(&socket->in);
    count(socket, out);
    socket->told = false;
    if (socket->watcher.fd >= 0)
        mp_udp_call_again(socket);
    return true;
}

/* True if a handler of datagramReceived would get the next one. */
static bool is_handled(mp_udp_socket *socket) {
    mp_object *object = &socket->object;
    return !object->blocked && !socket->staged && mp_udp_is_open(socket) &&
           object->at_work < socket->most_handlers &&
           mp_udp_network(socket)->upcalls->has_handler(object, MP_SIGNAL_DATAGRAM_RECEIVED);
}

bool mp_udp_next(mp_udp_socket *socket, mp_datagram *out) {
    struct mp_udp_shared *shared = mp_udp_shared_of(socket);
    mp_udp_arrival *arrival = shared->arrival;
    if (!mp_udp_is_open(socket) || socket->object.at_work >= socket->most_handlers)
        return false;
    if (socket->in.count > 0) {
        (void)mp_udp_peek(socket, out);
        mp_datagram_queue_drop(&socket->in);
        socket->told = false;
    } else if (arrival && arrival->socket == socket && arrival->count > 0) {
        mp_datagram_slot(shared->slots, arrival->start, out);
        arrival->start++;
        arrival->count--;
    } else {
        return false;
    }
    count(socket, out);
    return true;
}

/* Signals readyRead, unless it was and nothing has been read since. Tasks that wait see each arrival. */
static void announce(mp_udp_socket *socket) {
    mp_object *object = &socket->object;
    if (socket->in.count == 0 || (socket->told && !object->awaited))
        return;
    bool seen = !object->blocked &&
                mp_udp_network(socket)->upcalls->has_handler(object, MP_SIGNAL_READY_READ);
    if (seen || object->awaited)
        mp_object_emit(object, MP_SIGNAL_READY_READ, 0);
    socket->told = socket->told || seen;
}

/* Queues the rest of an arrival. Without memory it is lost, as in the system. */
static void keep(mp_udp_arrival *arrival) {
    mp_udp_socket *socket = arrival->socket;
    mp_datagram datagram;
    for (; arrival->count > 0; arrival->start++, arrival->count--) {
        mp_datagram_slot(mp_udp_shared_of(socket)->slots, arrival->start, &datagram);
        if (mp_datagram_queue_append(&socket->in, datagram.head, datagram.data) < 0)
            socket->lost_here++;
    }
}

/* Gives the handlers what they take; the rest waits. */
static void deliver(mp_udp_socket *socket, mp_udp_arrival *arrival) {
    struct mp_udp_shared *shared = mp_udp_shared_of(socket);
    if (is_handled(socket)) {
        shared->arrival = arrival;
        shared->delivering = socket;
        mp_udp_network(socket)->upcalls->datagrams(socket);
        shared->arrival = NULL;
        if (!shared->delivering)
            return;
    }
    if (arrival && arrival->socket)
        keep(arrival);
    if (!mp_udp_is_open(socket))
        return;
    if (socket->in.count > 0)
        announce(socket);
    else
        mp_datagram_queue_trim(&socket->in);
    mp_udp_update_watcher(socket);
}

void mp_udp_run(mp_network *network) {
    struct mp_udp_shared *shared = network->udp;
    for (int i = 0; i < shared->arrival_count; i++)
        if (shared->arrivals[i].socket)
            deliver(shared->arrivals[i].socket, &shared->arrivals[i]);
    shared->used = shared->arrival_count = 0;
}

void mp_udp_look_again(mp_network *network) {
    struct mp_udp_shared *shared = network->udp;
    mp_ring these;
    mp_ring_init(&these);
    while (!mp_ring_is_empty(&shared->again)) {
        mp_ring *link = shared->again.next;
        mp_ring_remove(link);
        mp_ring_append(&these, link);
    }
    while (!mp_ring_is_empty(&these)) {
        mp_ring *link = these.next;
        mp_ring_remove(link);
        deliver(MP_CONTAINER(link, mp_udp_socket, again), NULL);
    }
    if (mp_ring_is_empty(&shared->again))
        ev_idle_stop(network->loop.ev, &shared->at_again);
}

void mp_udp_has_room(mp_udp_socket *socket) {
    if (!mp_udp_is_open(socket) || socket->watcher.fd < 0)
        return;
    mp_udp_update_watcher(socket);
    if (socket->in.count > 0)
        mp_udp_call_again(socket);
}

void mp_udp_handler_failed(mp_udp_socket *socket) {
    mp_datagram dropped;
    bool stuck = socket->told && socket->in.count > 0 && socket->read_limit > 0 &&
                 socket->in.bytes >= socket->read_limit;
    if (stuck && mp_udp_peek(socket, &dropped)) {
        mp_datagram_queue_drop(&socket->in);
        socket->lost_here++;
    }
    socket->told = false;
    mp_udp_update_watcher(socket);
}
