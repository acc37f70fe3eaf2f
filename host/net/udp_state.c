/*
 * The state of UDP sockets; see udp_state.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/udp_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "system/system.h"

/* Seconds that a socket pauses. */
#define REST 0.01

/* --- what is shared ------------------------------------------------------------------------------------- */

static void on_rested(struct ev_loop *ev, ev_timer *timer, int revents) {
    struct mp_udp_shared *shared = timer->data;
    (void)ev;
    (void)revents;
    for (mp_ring *it = shared->sockets.next; it != &shared->sockets; it = it->next) {
        mp_udp_socket *socket = MP_CONTAINER(it, mp_udp_socket, link);
        socket->resting = false;
        mp_udp_update_watcher(socket);
    }
}

int mp_udp_share(mp_network *network, const mp_phases *phases,
                 void (*on_again)(struct ev_loop *, ev_idle *, int)) {
    if (network->udp)
        return 0;
    struct mp_udp_shared *shared = calloc(1, sizeof *shared);
    if (!shared || mp_datagram_slots_new(&shared->slots) < 0) {
        free(shared);
        return -ENOMEM;
    }
    shared->network = network;
    mp_ring_init(&shared->sockets);
    mp_ring_init(&shared->again);
    ev_idle_init(&shared->at_again, on_again);
    ev_set_priority(&shared->at_again, EV_MAXPRI); /* runs in each turn, however much is ready */
    shared->at_again.data = network;
    ev_timer_init(&shared->rest, on_rested, 0., 0.);
    shared->rest.data = shared;
    network->udp = shared;
    network->loop.phases = phases;
    return 0;
}

void mp_udp_free_shared(mp_network *network) {
    struct mp_udp_shared *shared = network->udp;
    if (!shared)
        return;
    assert(mp_ring_is_empty(&shared->sockets) && mp_ring_is_empty(&shared->again) && !shared->dirty_head);
    ev_idle_stop(network->loop.ev, &shared->at_again);
    ev_timer_stop(network->loop.ev, &shared->rest);
    mp_datagram_slots_free(shared->slots);
    free(shared);
    network->udp = NULL;
}

void mp_udp_rest(mp_udp_socket *socket) {
    struct ev_loop *ev = socket->object.loop->ev;
    ev_timer *timer = &mp_udp_shared_of(socket)->rest;
    socket->resting = true;
    mp_udp_update_watcher(socket);
    if (ev_is_active(timer))
        return;
    ev_timer_set(timer, REST, 0.);
    ev_timer_start(ev, timer);
}

void mp_udp_call_again(mp_udp_socket *socket) {
    struct mp_udp_shared *shared = mp_udp_shared_of(socket);
    if (socket->again.next)
        return;
    mp_ring_append(&shared->again, &socket->again);
    if (!ev_is_active(&shared->at_again))
        ev_idle_start(socket->object.loop->ev, &shared->at_again);
}

/* --- state ---------------------------------------------------------------------------------------------- */

bool mp_udp_is_sound(const mp_udp_socket *socket) {
    bool has = socket->watcher.fd >= 0;
    switch (socket->state) {
    case MP_STATE_UNCONNECTED: return !has && !socket->dirty && socket->out.count == 0 && !socket->connecting;
    case MP_STATE_HOST_LOOKUP:
    case MP_STATE_CONNECTING: return socket->connecting != NULL;
    case MP_STATE_BOUND: return (has || socket->claims || socket->deferred) && !socket->connecting;
    case MP_STATE_CONNECTED:
    case MP_STATE_CLOSING: return has && !socket->connecting;
    default: return false;
    }
}

void mp_udp_set_state(mp_udp_socket *socket, enum mp_socket_state state) {
    socket->state = (uint8_t)state;
    mp_object_emit(&socket->object, MP_SIGNAL_STATE_CHANGED, state);
}

enum mp_fault mp_udp_fail(mp_udp_socket *socket, enum mp_fault fault) {
    socket->fault = (uint8_t)fault;
    mp_object_emit(&socket->object, MP_SIGNAL_ERROR_OCCURRED, fault);
    mp_object_check(&socket->object);
    return fault;
}

static bool is_deaf(const mp_udp_socket *socket) {
    return !mp_udp_is_open(socket) || socket->staged || socket->resting ||
           (socket->read_limit > 0 && socket->in.bytes >= socket->read_limit) ||
           socket->object.at_work >= socket->most_handlers;
}

void mp_udp_update_watcher(mp_udp_socket *socket) {
    struct ev_loop *ev = socket->object.loop->ev;
    ev_io *watcher = &socket->watcher;
    if (watcher->fd < 0)
        return;
    int events = (is_deaf(socket) ? 0 : EV_READ) | (socket->full ? EV_WRITE : 0);
    if (events == (watcher->events & (EV_READ | EV_WRITE)) && (events == 0 || ev_is_active(watcher)))
        return;
    ev_io_stop(ev, watcher);
    ev_io_set(watcher, watcher->fd, events);
    if (events != 0)
        mp_loop_watch(socket->object.loop, watcher);
}

/* --- the descriptor ------------------------------------------------------------------------------------- */

void mp_udp_find_local(mp_udp_socket *socket) {
    static const uint8_t zeros[16];
    mp_address *address = &socket->local;
    if (mp_system_local_address(socket->watcher.fd, address, &socket->local_port) < 0) {
        mp_address_set_null(address);
        return;
    }
    if (address->protocol == MP_PROTOCOL_IPV6 && !socket->v6_only) {
        if (memcmp(address->bytes, zeros, sizeof zeros) == 0)
            mp_address_set_any(address);
        else
            mp_address_unmap(address);
    }
}

void mp_udp_set_descriptor(mp_udp_socket *socket, int fd, bool v6, bool v6_only) {
    assert(socket->watcher.fd < 0 && fd >= 0);
    ev_io_set(&socket->watcher, fd, 0);
    socket->v6 = v6;
    socket->v6_only = v6_only;
    socket->final = socket->resting = false;
    socket->failures = 0;
    if (!socket->link.next)
        mp_ring_append(&mp_udp_shared_of(socket)->sockets, &socket->link);
    mp_udp_find_local(socket);
}

int mp_udp_take_descriptor(mp_udp_socket *socket) {
    struct mp_udp_shared *shared = mp_udp_shared_of(socket);
    int fd = socket->watcher.fd;
    ev_io_stop(socket->object.loop->ev, &socket->watcher);
    ev_io_set(&socket->watcher, -1, 0);
    socket->full = false;
    for (int i = 0; shared && i < shared->arrival_count; i++)
        if (shared->arrivals[i].socket == socket)
            shared->arrivals[i].socket = NULL;
    if (socket->link.next && !socket->claims && !socket->deferred)
        mp_ring_remove(&socket->link);
    if (socket->again.next)
        mp_ring_remove(&socket->again);
    return fd;
}
