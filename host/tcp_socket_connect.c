/*
 * Connecting: a literal address, or a name whose addresses are raced as RFC 8305 says: the families in turn, IPv6 first, one
 * more attempt every 250 ms (at once when the last one failed), the first to answer wins, the others are closed.
 * One time-out holds for all of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "descriptor.h"
#include "resolver.h"
#include "system.h"
#include "tcp_socket_private.h"

#define CONNECT_SECONDS 30.0 /* Qt's time-out of an attempt, here for all of them */
#define ATTEMPT_DELAY 0.250  /* RFC 8305, section 5 */
#define MOST_ADDRESSES 32

typedef struct mp_attempt_slot {
    ev_io watcher; /* fd -1: not begun, or over */
    mp_connect *connect;
    mp_address address;
} mp_attempt_slot;

struct mp_connect {
    mp_ring link; /* in loop->connecting */
    mp_tcp_socket *socket;
    mp_lookup lookup;
    bool looking_up;
    uint16_t port;
    uint8_t protocol;
    uint8_t fault; /* of the attempt that failed last */
    size_t count, next, running;
    mp_attempt_slot *slots;
    ev_timer stagger, deadline;
};

static void begin_attempts(mp_connect *connect);

static bool keeps_descriptor(const mp_tcp_socket *socket) {
    return (socket->flags & FLAG_KEEP_DESCRIPTOR) && socket->watcher.fd >= 0;
}

void mp_tcp_socket_cancel_connect(mp_tcp_socket *socket) {
    mp_connect *connect = socket->extras ? socket->extras->connect : NULL;
    if (!connect)
        return;
    struct ev_loop *ev = socket->object.loop->ev;
    socket->extras->connect = NULL;
    mp_ring_remove(&connect->link);
    if (connect->looking_up)
        mp_lookup_cancel(&connect->lookup);
    ev_timer_stop(ev, &connect->stagger);
    ev_timer_stop(ev, &connect->deadline);
    for (size_t i = 0; i < connect->count; i++) {
        int fd = connect->slots[i].watcher.fd;
        ev_io_stop(ev, &connect->slots[i].watcher);
        if (fd >= 0 && fd != socket->watcher.fd)
            mp_descriptor_close(socket->object.loop, fd);
    }
    free(connect->slots);
    free(connect);
}

uint64_t mp_connect_unsent(const mp_loop *loop) {
    uint64_t count = 0;
    for (const mp_ring *link = loop->connecting.next; link != &loop->connecting; link = link->next)
        count += MP_CONTAINER(link, mp_connect, link)->socket->out.bytes > 0;
    return count;
}

/* A connect came to nothing: stateChanged(Unconnected), errorOccurred. */
static void connect_failed(mp_tcp_socket *socket, enum mp_fault fault, bool signal_error) {
    mp_loop *loop = socket->object.loop;
    mp_tcp_socket_cancel_connect(socket);
    mp_write_queue_clear(&socket->out, loop);
    if (socket->watcher.fd >= 0) {
        mp_descriptor_close(loop, socket->watcher.fd);
        ev_io_set(&socket->watcher, -1, 0);
    }
    socket->flags &= FLAG_DIRTY | FLAG_OWN_LIMITS | FLAG_TRANSACTION;
    socket->fault = (uint8_t)fault;
    mp_tcp_socket_set_state(socket, MP_STATE_UNCONNECTED);
    if (signal_error)
        mp_loop_emit(&socket->object, MP_SIGNAL_ERROR_OCCURRED, fault);
    mp_object_check(&socket->object);
    mp_listener_descriptor_freed(loop);
}

void mp_tcp_socket_connect_timed_out(mp_tcp_socket *socket) {
    if (socket->state == MP_STATE_HOST_LOOKUP || socket->state == MP_STATE_CONNECTING)
        connect_failed(socket, MP_FAULT_SOCKET_TIMEOUT, false);
}

static void on_deadline(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_connect *connect = timer->data;
    mp_loop *loop = connect->socket->object.loop;
    (void)ev;
    (void)revents;
    connect_failed(connect->socket, MP_FAULT_CONNECT_TIMEOUT, true);
    mp_loop_settle(loop);
}

/* --- attempts ---------------------------------------------------------------------------------------------------- */

static void won(mp_attempt_slot *slot) {
    mp_tcp_socket *socket = slot->connect->socket;
    mp_loop *loop = socket->object.loop;
    int fd = slot->watcher.fd;
    ev_io_stop(loop->ev, &slot->watcher);
    ev_io_set(&slot->watcher, -1, 0);
    socket->peer = slot->address;
    socket->peer_port = slot->connect->port;
    mp_tcp_socket_cancel_connect(socket);
    loop->statistics.connected++;
    socket->state = MP_STATE_CONNECTED;
    /* Made too late: it may send what it was given, and no more. */
    if (loop->winding_down)
        socket->flags |= FLAG_CLOSE_CONNECTED;
    mp_tcp_socket_established(socket, fd);
    if (socket->state != MP_STATE_CONNECTED)
        return;
    socket->flags |= FLAG_UNANNOUNCED;
    mp_tcp_socket_set_state(socket, MP_STATE_CONNECTED);
    mp_loop_defer(&socket->object, STEP_CONNECTED);
}

static void give_up_slot(mp_attempt_slot *slot, int error) {
    mp_tcp_socket *socket = slot->connect->socket;
    int fd = slot->watcher.fd;
    ev_io_stop(socket->object.loop->ev, &slot->watcher);
    ev_io_set(&slot->watcher, -1, 0);
    if (fd >= 0 && fd == socket->watcher.fd)
        mp_system_unconnect(fd); /* for the next address */
    else if (fd >= 0)
        mp_descriptor_close(socket->object.loop, fd);
    slot->connect->fault = (uint8_t)mp_fault_from_errno(MP_ATTEMPT_CONNECT, error);
}

static void on_outcome(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_attempt_slot *slot = watcher->data;
    mp_connect *connect = slot->connect;
    mp_loop *loop = connect->socket->object.loop;
    int result = mp_system_connect_result(watcher->fd);
    (void)ev;
    (void)revents;
    if (result == 0) {
        won(slot);
    } else {
        connect->running--;
        give_up_slot(slot, -result);
        begin_attempts(connect);
    }
    mp_loop_settle(loop);
}

/* An IPv6 descriptor, as bind to any gives it, reaches IPv4 addresses in their mapped form. */
static void suit_descriptor(mp_address *address, int fd) {
    mp_address local;
    uint16_t port;
    uint8_t bytes[16];
    if (address->protocol != MP_PROTOCOL_IPV4 || mp_system_local_address(fd, &local, &port) < 0 ||
        local.protocol != MP_PROTOCOL_IPV6)
        return;
    mp_address_to_ipv6(address, bytes);
    mp_address_set_ipv6(address, bytes);
}

/* Begins one attempt: true if it runs or has won at once. */
static bool begin(mp_connect *connect, mp_attempt_slot *slot) {
    mp_tcp_socket *socket = connect->socket;
    bool own = keeps_descriptor(socket);
    int fd = own ? socket->watcher.fd
                 : mp_system_socket(slot->address.protocol == MP_PROTOCOL_IPV4 ? AF_INET : AF_INET6);
    if (fd < 0) {
        connect->fault = (uint8_t)mp_fault_from_errno(MP_ATTEMPT_SOCKET, -fd);
        return false;
    }
    if (own)
        suit_descriptor(&slot->address, fd);
    mp_descriptor_own(socket->object.loop, fd);
    if (!(socket->flags & FLAG_PLAIN))
        (void)mp_system_set_option(fd, IPPROTO_TCP, TCP_NODELAY,
                                   1); /* only a Unix-domain socket has no such option */
    ev_io_set(&slot->watcher, fd, EV_WRITE);
    int result = mp_system_connect(fd, &slot->address, connect->port);
    if (result < 0 && result != -EINPROGRESS) {
        give_up_slot(slot, -result);
        return false;
    }
    connect->running++;
    if (result == 0)
        won(slot);
    else
        ev_io_start(socket->object.loop->ev, &slot->watcher);
    return true;
}

/* Begins the next attempt that can be begun; ends the connect when there is none and none runs. */
static void begin_attempts(mp_connect *connect) {
    mp_tcp_socket *socket = connect->socket;
    struct ev_loop *ev = socket->object.loop->ev;
    ev_timer_stop(ev, &connect->stagger);
    if (keeps_descriptor(socket) && connect->running > 0)
        return;
    while (connect->next < connect->count) {
        bool last = connect->next + 1 == connect->count;
        if (!begin(connect, &connect->slots[connect->next++]))
            continue;
        if (socket->extras->connect != connect || last)
            return;
        ev_timer_set(&connect->stagger, ATTEMPT_DELAY, 0.);
        ev_timer_start(ev, &connect->stagger);
        return;
    }
    if (connect->running == 0)
        connect_failed(socket, connect->fault, true);
}

static void on_stagger(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_connect *connect = timer->data;
    mp_loop *loop = connect->socket->object.loop;
    (void)ev;
    (void)revents;
    begin_attempts(connect);
    mp_loop_settle(loop);
}

void mp_tcp_socket_attempt(mp_tcp_socket *socket) {
    if (socket->state == MP_STATE_CONNECTING && socket->extras && socket->extras->connect)
        begin_attempts(socket->extras->connect);
}

/* --- addresses --------------------------------------------------------------------------------------------------- */

static bool wanted(const mp_connect *connect, const mp_address *address) {
    return connect->protocol == MP_PROTOCOL_ANY || connect->protocol == address->protocol;
}

/* Takes the wanted ones of `addresses`, the families in turn and IPv6 first. Returns 0, -ENOENT or -ENOMEM. */
static int set_addresses(mp_connect *connect, const mp_address *addresses, size_t count) {
    static const uint8_t families[] = {MP_PROTOCOL_IPV6, MP_PROTOCOL_IPV4};
    size_t cursor[2] = {0, 0}, turn = 0, missed = 0;
    size_t most = count < MOST_ADDRESSES ? count : MOST_ADDRESSES;
    connect->slots = calloc(most ? most : 1, sizeof *connect->slots);
    if (!connect->slots)
        return -ENOMEM;
    while (connect->count < most && missed < 2) {
        size_t *at = &cursor[turn];
        while (*at < count &&
               !(addresses[*at].protocol == families[turn] && wanted(connect, &addresses[*at])))
            (*at)++;
        if (*at < count) {
            mp_attempt_slot *slot = &connect->slots[connect->count++];
            slot->connect = connect;
            slot->address = addresses[(*at)++];
            ev_io_init(&slot->watcher, on_outcome, -1, EV_WRITE);
            slot->watcher.data = slot;
            missed = 0;
        } else {
            missed++;
        }
        turn = 1 - turn;
    }
    return connect->count > 0 ? 0 : -ENOENT;
}

/* ConnectingState; the first attempt begins behind the signals. */
static void start_connecting(mp_tcp_socket *socket) {
    mp_tcp_socket_set_state(socket, MP_STATE_CONNECTING);
    mp_loop_emit(&socket->object, MP_SIGNAL_HOST_FOUND, 0);
    mp_loop_defer(&socket->object, STEP_ATTEMPT);
}

static void on_lookup(mp_lookup *lookup, int status, const mp_address *addresses, size_t count) {
    mp_connect *connect = MP_CONTAINER(lookup, mp_connect, lookup);
    mp_tcp_socket *socket = connect->socket;
    mp_loop *loop = socket->object.loop;
    connect->looking_up = false;
    int result = status == 0 ? set_addresses(connect, addresses, count) : status;
    if (result == 0)
        start_connecting(socket);
    else
        connect_failed(socket, result == -ENOMEM ? MP_FAULT_RESOURCE : MP_FAULT_HOST_NOT_FOUND, true);
    mp_loop_settle(loop);
}

/* --- the call ---------------------------------------------------------------------------------------------------- */

static mp_connect *new_connect(mp_tcp_socket *socket, const char *host, uint16_t port,
                               enum mp_protocol protocol) {
    mp_connect *connect = calloc(1, sizeof *connect);
    char *name = strdup(host);
    if (!connect || !name || !mp_tcp_socket_need_extras(socket)) {
        free(connect);
        free(name);
        return NULL;
    }
    mp_ring_append(&socket->object.loop->connecting, &connect->link);
    connect->socket = socket;
    connect->port = port;
    connect->protocol = (uint8_t)protocol;
    connect->fault = MP_FAULT_HOST_NOT_FOUND;
    ev_timer_init(&connect->stagger, on_stagger, ATTEMPT_DELAY, 0.);
    connect->stagger.data = connect;
    ev_timer_init(&connect->deadline, on_deadline, CONNECT_SECONDS, 0.);
    connect->deadline.data = connect;
    free(socket->extras->peer_name);
    socket->extras->peer_name = name;
    return connect;
}

enum mp_fault mp_tcp_socket_connect(mp_tcp_socket *socket, const char *host, uint16_t port, int open_mode,
                                    enum mp_protocol protocol) {
    mp_loop *loop = socket->object.loop;
    mp_resolver *resolver;
    mp_address address;
    if (socket->state != MP_STATE_UNCONNECTED && socket->state != MP_STATE_BOUND) {
        socket->fault = MP_FAULT_BUSY;
        mp_loop_emit(&socket->object, MP_SIGNAL_ERROR_OCCURRED, MP_FAULT_BUSY);
        return MP_FAULT_BUSY;
    }
    mp_connect *connect = mp_loop_resolver(loop, &resolver) == 0 ? new_connect(socket, host, port, protocol)
                                                                 : NULL;
    if (!connect) {
        mp_object_check(&socket->object);
        return MP_FAULT_RESOURCE;
    }
    mp_tcp_socket_detach(socket);
    mp_write_queue_clear(&socket->out, loop);
    mp_tcp_socket_drop_input(socket);
    mp_tcp_socket_forget_addresses(socket);
    socket->flags &= FLAG_DIRTY | FLAG_OWN_LIMITS | FLAG_KEEP_DESCRIPTOR | FLAG_PLAIN;
    socket->fault = MP_FAULT_NONE;
    socket->open_mode = (uint8_t)open_mode;
    socket->extras->connect = connect;
    mp_tcp_socket_set_state(socket, MP_STATE_HOST_LOOKUP);
    ev_now_update(loop->ev);
    ev_timer_start(loop->ev, &connect->deadline);
    int result;
    if (mp_address_parse(&address, host, strlen(host)) == 0) {
        if (address.protocol == MP_PROTOCOL_ANY)
            address.protocol = MP_PROTOCOL_IPV4; /* Qt connects to its text, which is 0.0.0.0 */
        result = set_addresses(connect, &address, 1);
        if (result == 0)
            start_connecting(socket);
    } else {
        result = mp_resolver_lookup(resolver, &connect->lookup, host, on_lookup);
        connect->looking_up = result == 0;
    }
    if (result == 0)
        return MP_FAULT_NONE;
    enum mp_fault fault = result == -ENOMEM ? MP_FAULT_RESOURCE : MP_FAULT_HOST_NOT_FOUND;
    connect_failed(socket, fault, true);
    return fault;
}
