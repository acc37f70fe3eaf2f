/*
 * UDP sockets: life, binding, closing, events; see udp_socket.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/udp_socket.h"

#include <stdlib.h>
#include <string.h>

#include "loop/reserve.h"
#include "net/descriptor.h"
#include "net/stream.h"
#include "net/tcp_socket.h"
#include "net/udp_bind.h"
#include "net/udp_connect.h"
#include "net/udp_group.h"
#include "net/udp_handover.h"
#include "net/udp_input.h"
#include "net/udp_output.h"
#include "system/adoption.h"
#include "system/system.h"

/* 1 MiB. */
#define DEFAULT_LIMIT 1048576

#define DEFAULT_MOST_HANDLERS 1000

/* --- the parts of a turn -------------------------------------------------------------------------------- */

static void run(mp_loop *loop) {
    mp_stream_run(loop);
    mp_udp_run(mp_network_of(loop));
}

static void send_all(mp_loop *loop) {
    mp_stream_send_all(loop);
    mp_udp_send_all(mp_network_of(loop));
}

static const mp_phases phases = {.run = run, .send = send_all};

static void on_again(struct ev_loop *ev, ev_idle *watcher, int revents) {
    mp_network *network = watcher->data;
    (void)ev;
    (void)revents;
    mp_udp_look_again(network);
    mp_loop_settle(&network->loop);
}

/* The most times that one event receives: of a flood, others get their turn too. */
enum { MOST_RECEIVES = 4 };

static bool wants_more(const mp_udp_socket *socket) {
    return mp_udp_is_open(socket) && (socket->watcher.events & EV_READ) && ev_is_active(&socket->watcher);
}

/* Receives, and runs the handlers whenever all slots are full. They may destroy the socket. */
static void receive(mp_udp_socket *socket) {
    mp_loop *loop = socket->object.loop;
    bool gone = false, *outer = socket->gone;
    bool no_slot = mp_udp_receive(socket);
    socket->gone = &gone; // cppcheck-suppress autoVariables  // until this returns
    for (int i = 1; no_slot; i++) {
        mp_loop_turn(loop);
        if (gone) {
            if (outer)
                *outer = true;
            return;
        }
        no_slot = i < MOST_RECEIVES && wants_more(socket) && mp_udp_receive(socket);
    }
    socket->gone = outer;
    mp_loop_has_received(loop);
}

static void on_event(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_udp_socket *socket = watcher->data;
    (void)ev;
    if (revents & EV_ERROR) { /* the poll can't watch it; libev has stopped the watcher */
        mp_udp_fail(socket, MP_FAULT_RESOURCE);
        mp_udp_socket_abort(socket);
    } else {
        if ((revents & EV_WRITE) && socket->full) {
            (void)mp_udp_flush(socket);
            if (socket->state == MP_STATE_CLOSING && socket->out.count == 0)
                mp_object_defer(&socket->object, MP_UDP_STEP_CLOSE);
        }
    }
    /* Last: after handlers have run, the socket may be destroyed. */
    if ((revents & EV_READ) && mp_udp_is_open(socket))
        receive(socket);
    else
        mp_loop_has_received(socket->object.loop);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static bool is_active(const mp_object *object) {
    return ((const mp_udp_socket *)object)->state != MP_STATE_UNCONNECTED;
}

void mp_udp_socket_init(mp_udp_socket *socket, mp_network *network) {
    memset(socket, 0, sizeof *socket);
    mp_object_init(&socket->object, &network->loop, &mp_udp_socket_behaviour);
    ev_io_init(&socket->watcher, on_event, -1, 0);
    socket->watcher.data = socket;
    socket->read_limit = socket->write_limit = DEFAULT_LIMIT;
    socket->most_handlers = DEFAULT_MOST_HANDLERS;
    mp_ring_init(&socket->forebears);
    mp_address_set_null(&socket->local);
    mp_address_set_null(&socket->peer);
    mp_address_set_null(&socket->requested_address);
}

/* Closes the descriptor and drops what is queued. */
static void shut(mp_udp_socket *socket) {
    mp_network *network = mp_udp_network(socket);
    mp_udp_cancel_connect(socket);
    mp_udp_unclaim(socket);
    mp_udp_lose(socket);
    socket->deferred = socket->requested = socket->staged = false;
    if (network->udp) {
        mp_udp_drop_output(socket);
        int fd = mp_udp_take_descriptor(socket);
        if (fd >= 0)
            mp_descriptor_close(network, fd);
    }
    mp_datagram_queue_clear(&socket->in);
    mp_udp_forget_groups(socket);
    socket->told = false;
}

void mp_udp_socket_destroy(mp_udp_socket *socket) {
    struct mp_udp_shared *shared = mp_udp_shared_of(socket);
    shut(socket);
    mp_udp_end_succession(socket);
    if (shared && shared->delivering == socket)
        shared->delivering = NULL;
    if (socket->gone)
        *socket->gone = true;
    free(socket->peer_name);
    socket->peer_name = NULL;
    socket->state = MP_STATE_UNCONNECTED;
    mp_object_destroy(&socket->object);
}

/* --- binding -------------------------------------------------------------------------------------------- */

enum mp_fault mp_udp_socket_prepare(mp_udp_socket *socket) {
    if (socket->state != MP_STATE_UNCONNECTED)
        return MP_FAULT_UNFINISHED;
    if (mp_udp_share(mp_udp_network(socket), &phases, on_again) < 0)
        return MP_FAULT_RESOURCE;
    mp_udp_end_succession(socket);
    mp_address_set_null(&socket->peer);
    socket->peer_port = 0;
    socket->lost = false;
    return MP_FAULT_NONE;
}

enum mp_fault mp_udp_socket_bind(mp_udp_socket *socket, const mp_address *address, uint16_t port, int mode) {
    enum mp_fault fault = mp_udp_socket_prepare(socket);
    if (fault == MP_FAULT_NONE)
        fault = mp_udp_open_bound(socket, address, port, mode);
    if (fault != MP_FAULT_NONE)
        return mp_udp_fail(socket, fault);
    mp_udp_note_request(socket, address, port, mode);
    mp_udp_set_state(socket, MP_STATE_BOUND);
    mp_udp_update_watcher(socket);
    assert(mp_udp_is_sound(socket));
    return MP_FAULT_NONE;
}

enum mp_fault mp_udp_socket_set_descriptor(mp_udp_socket *socket, int fd) {
    mp_network *network = mp_udp_network(socket);
    int family = AF_INET, v6_only = 0;
    if (fd < 0 || mp_descriptor_is_owned(network, fd) || !mp_system_is_datagram_socket(fd, &family))
        return MP_FAULT_INVALID_DESCRIPTOR;
    enum mp_fault fault = mp_udp_socket_prepare(socket);
    if (fault != MP_FAULT_NONE)
        return fault;
    if (!mp_reserve_is_whole() || mp_system_adopt(fd) < 0)
        return mp_reserve_is_whole() ? MP_FAULT_INVALID_DESCRIPTOR : MP_FAULT_RESOURCE;
    if (family == AF_INET6)
        (void)mp_system_get_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only);
    mp_system_describe_datagrams(fd, family);
    mp_descriptor_own(network, fd);
    mp_udp_set_descriptor(socket, fd, family == AF_INET6, v6_only != 0);
    bool connected = mp_system_peer_address(fd, &socket->peer, &socket->peer_port) == 0;
    if (connected)
        mp_address_unmap(&socket->peer);
    mp_udp_set_state(socket, connected ? MP_STATE_CONNECTED : MP_STATE_BOUND);
    mp_udp_update_watcher(socket);
    return MP_FAULT_NONE;
}

/* --- closing -------------------------------------------------------------------------------------------- */

/* It is closed: stateChanged(Unconnected), readChannelFinished and, unless a socket that was only bound has
   been aborted, disconnected. */
static void end(mp_udp_socket *socket, bool disconnected) {
    shut(socket);
    socket->final = true;
    mp_udp_set_state(socket, MP_STATE_UNCONNECTED);
    mp_object_emit(&socket->object, MP_SIGNAL_READ_CHANNEL_FINISHED, 0);
    if (disconnected)
        mp_object_emit(&socket->object, MP_SIGNAL_DISCONNECTED, 0);
    mp_object_check(&socket->object);
}

void mp_udp_socket_abort(mp_udp_socket *socket) {
    bool connected = socket->state == MP_STATE_CONNECTED;
    if (socket->state == MP_STATE_UNCONNECTED)
        return;
    if (connected)
        mp_object_emit(&socket->object, MP_SIGNAL_ABOUT_TO_CLOSE, 0);
    end(socket, connected || socket->state == MP_STATE_CLOSING);
}

void mp_udp_socket_close(mp_udp_socket *socket, bool device) {
    if (!mp_udp_is_open(socket)) {
        if (socket->state != MP_STATE_CLOSING)
            mp_udp_socket_abort(socket);
        return;
    }
    if (device && socket->state == MP_STATE_CONNECTED)
        mp_object_emit(&socket->object, MP_SIGNAL_ABOUT_TO_CLOSE, 0);
    mp_udp_set_state(socket, MP_STATE_CLOSING);
    if (socket->watcher.fd >= 0 && socket->out.count > 0)
        (void)mp_udp_flush(socket);
    if (socket->out.count == 0)
        end(socket, true);
}

static void step(mp_object *object, int number) {
    mp_udp_socket *socket = (mp_udp_socket *)object;
    if (number == MP_UDP_STEP_CLOSE && socket->state == MP_STATE_CLOSING && socket->out.count == 0)
        end(socket, true);
}

static void wind_down(mp_object *object) {
    mp_udp_socket_close((mp_udp_socket *)object, false);
}

const mp_behaviour mp_udp_socket_behaviour = {MP_UDP_SOCKET, is_active, step, NULL, wind_down};

/* --- facts ---------------------------------------------------------------------------------------------- */

/* While the closing signals are delivered, their handlers may ask for the former addresses. */
static bool has_addresses(const mp_udp_socket *socket) {
    return socket->state != MP_STATE_UNCONNECTED || (socket->final && socket->object.delivering);
}

static void copy(const mp_udp_socket *socket, const mp_address *from, uint16_t from_port, mp_address *address,
                 uint16_t *port) {
    if (has_addresses(socket)) {
        *address = *from;
        *port = from_port;
    } else {
        mp_address_set_null(address);
        *port = 0;
    }
}

void mp_udp_socket_local_address(const mp_udp_socket *socket, mp_address *address, uint16_t *port) {
    copy(socket, &socket->local, socket->local_port, address, port);
}

void mp_udp_socket_peer_address(const mp_udp_socket *socket, mp_address *address, uint16_t *port) {
    copy(socket, &socket->peer, socket->peer_port, address, port);
}

mp_udp_socket *mp_udp_socket_next(const mp_network *network, const mp_udp_socket *previous) {
    if (!network->udp)
        return NULL;
    mp_ring *next = previous ? previous->link.next : network->udp->sockets.next;
    return next == &network->udp->sockets ? NULL : MP_CONTAINER(next, mp_udp_socket, link);
}

bool mp_udp_has_unsent(const mp_network *network) {
    for (const mp_udp_socket *it = mp_udp_socket_next(network, NULL); it;
         it = mp_udp_socket_next(network, it))
        if (it->out.count > 0)
            return true;
    return false;
}
