/*
 * Connecting: a literal address, or a name whose addresses are raced as RFC 8305 says. Both families are looked up at
 * once, and attempts begin when the IPv6 addresses are known, or those of IPv4 for 50 ms; what is found later joins the
 * race. The families take turns, IPv6 first, one more attempt begins every 250 ms (at once when the last one failed),
 * the first to answer wins, the others are closed. One time-out holds for all of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "net/descriptor.h"
#include "resolver/resolver.h"
#include "system/system.h"
#include "net/tcp_socket_private.h"

#define CONNECT_SECONDS 30.0   /* Qt's time-out of an attempt, here for all of them */
#define ATTEMPT_DELAY 0.250    /* RFC 8305, section 5 */
#define RESOLUTION_DELAY 0.050 /* section 3: how long IPv4 addresses wait for those of IPv6 */
#define MOST_ADDRESSES 32      /* of a family */

typedef struct mp_attempt_slot {
    ev_io watcher; /* fd -1: not begun, or over */
    mp_connect *connect;
    mp_address address;
} mp_attempt_slot;

typedef struct mp_family {
    mp_lookup lookup;
    mp_connect *connect;
    bool looking_up;
    size_t count, next;
    mp_attempt_slot *slots;
} mp_family;

struct mp_connect {
    mp_ring link; /* in loop->connecting */
    mp_tcp_socket *socket;
    uint16_t port;
    uint8_t fault; /* of the attempt that failed last */
    bool begun;    /* attempts may run */
    uint8_t turn;  /* the family that comes next */
    size_t running;
    mp_family families[2]; /* by protocol */
    ev_timer pace;         /* before the first attempt, while IPv4 waits for IPv6, and between attempts */
    ev_timer deadline;
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
    ev_timer_stop(ev, &connect->pace);
    ev_timer_stop(ev, &connect->deadline);
    for (mp_family *family = connect->families; family < connect->families + 2; family++) {
        mp_lookup_cancel(&family->lookup);
        for (size_t i = 0; i < family->next; i++) {
            int fd = family->slots[i].watcher.fd;
            ev_io_stop(ev, &family->slots[i].watcher);
            if (fd >= 0 && fd != socket->watcher.fd)
                mp_descriptor_close(socket->object.loop, fd);
        }
        free(family->slots);
    }
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

/* The next address to try, or NULL. */
static mp_attempt_slot *next_slot(mp_connect *connect) {
    mp_family *family = &connect->families[connect->turn];
    if (family->next == family->count)
        family = &connect->families[1 - connect->turn];
    if (family->next == family->count)
        return NULL;
    connect->turn = family == connect->families ? 1 : 0;
    return &family->slots[family->next++];
}

static bool is_looking_up(const mp_connect *connect) {
    return connect->families[0].looking_up || connect->families[1].looking_up;
}

/* Whether there are more addresses, or may be. */
static bool has_more(const mp_connect *connect) {
    const mp_family *families = connect->families;
    return families[0].next < families[0].count || families[1].next < families[1].count ||
           is_looking_up(connect);
}

static void set_pace(mp_connect *connect, double delay) {
    ev_timer_set(&connect->pace, delay, 0.);
    ev_timer_start(connect->socket->object.loop->ev, &connect->pace);
}

/* Begins the next attempt that can be begun; ends the connect when none runs and no address can come any more. */
static void begin_attempts(mp_connect *connect) {
    mp_tcp_socket *socket = connect->socket;
    mp_attempt_slot *slot;
    ev_timer_stop(socket->object.loop->ev, &connect->pace);
    if (keeps_descriptor(socket) && connect->running > 0)
        return;
    while ((slot = next_slot(connect))) {
        if (!begin(connect, slot))
            continue;
        if (socket->extras->connect == connect && has_more(connect))
            set_pace(connect, ATTEMPT_DELAY);
        return;
    }
    if (connect->running == 0 && !is_looking_up(connect))
        connect_failed(socket, connect->fault, true);
}

void mp_tcp_socket_attempt(mp_tcp_socket *socket) {
    mp_connect *connect = socket->extras ? socket->extras->connect : NULL;
    if (socket->state != MP_STATE_CONNECTING || !connect)
        return;
    connect->begun = true;
    begin_attempts(connect);
}

/* --- addresses --------------------------------------------------------------------------------------------------- */

/* Takes addresses, all of one family. Returns 0 or -ENOMEM. */
static int add_addresses(mp_connect *connect, const mp_address *addresses, size_t count) {
    mp_family *family = &connect->families[addresses->protocol];
    count = count < MOST_ADDRESSES ? count : MOST_ADDRESSES;
    family->slots = calloc(count, sizeof *family->slots);
    if (!family->slots)
        return -ENOMEM;
    family->count = count;
    for (size_t i = 0; i < count; i++) {
        mp_attempt_slot *slot = &family->slots[i];
        slot->connect = connect;
        slot->address = addresses[i];
        ev_io_init(&slot->watcher, on_outcome, -1, EV_WRITE);
        slot->watcher.data = slot;
    }
    return 0;
}

/* ConnectingState; the first attempt begins behind the signals. */
static void start_connecting(mp_tcp_socket *socket) {
    ev_timer_stop(socket->object.loop->ev, &socket->extras->connect->pace);
    mp_tcp_socket_set_state(socket, MP_STATE_CONNECTING);
    mp_loop_emit(&socket->object, MP_SIGNAL_HOST_FOUND, 0);
    mp_loop_defer(&socket->object, STEP_ATTEMPT);
}

static void on_pace(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_connect *connect = timer->data;
    mp_loop *loop = connect->socket->object.loop;
    (void)ev;
    (void)revents;
    if (connect->socket->state == MP_STATE_HOST_LOOKUP)
        start_connecting(connect->socket);
    else
        begin_attempts(connect);
    mp_loop_settle(loop);
}

/* Goes on with what a look-up has brought. */
static void go_on(mp_connect *connect) {
    mp_tcp_socket *socket = connect->socket;
    const mp_family *v4 = &connect->families[MP_PROTOCOL_IPV4], *v6 = &connect->families[MP_PROTOCOL_IPV6];
    if (socket->state != MP_STATE_HOST_LOOKUP) {
        /* Not while the first attempt is still to come, nor before the last one has had its time. */
        if (connect->begun && !ev_is_active(&connect->pace))
            begin_attempts(connect);
    } else if (v6->count > 0 || (v4->count > 0 && !v6->looking_up)) {
        start_connecting(socket);
    } else if (v4->count > 0) {
        set_pace(connect, RESOLUTION_DELAY);
    } else if (!is_looking_up(connect)) {
        connect_failed(socket, connect->fault, true);
    }
}

static void on_lookup(mp_lookup *lookup, int status, const mp_address *addresses, size_t count) {
    mp_family *family = MP_CONTAINER(lookup, mp_family, lookup);
    mp_connect *connect = family->connect;
    mp_loop *loop = connect->socket->object.loop;
    family->looking_up = false;
    if (status == 0)
        status = add_addresses(connect, addresses, count);
    if (status < 0 && connect->fault == MP_FAULT_HOST_NOT_FOUND)
        connect->fault = (uint8_t)mp_fault_from_errno(MP_ATTEMPT_LOOKUP, -status);
    go_on(connect);
    mp_loop_settle(loop);
}

/* Asks for the addresses of the protocol, or of both. Returns 0 or -errno. */
static int look_up(mp_connect *connect, mp_resolver *resolver, const char *host, enum mp_protocol protocol) {
    static const enum mp_protocol protocols[] = {MP_PROTOCOL_IPV6, MP_PROTOCOL_IPV4};
    for (size_t i = 0; i < 2; i++) {
        mp_family *family = &connect->families[protocols[i]];
        if (protocol != MP_PROTOCOL_ANY && protocol != protocols[i])
            continue;
        int result = mp_resolver_lookup(resolver, &family->lookup, host, protocols[i], on_lookup);
        if (result < 0)
            return result;
        family->looking_up = true;
    }
    return 0;
}

/* --- the call ---------------------------------------------------------------------------------------------------- */

static mp_connect *new_connect(mp_tcp_socket *socket, const char *host, uint16_t port) {
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
    connect->turn = MP_PROTOCOL_IPV6;
    connect->families[0].connect = connect->families[1].connect = connect;
    connect->fault = MP_FAULT_HOST_NOT_FOUND;
    ev_timer_init(&connect->pace, on_pace, ATTEMPT_DELAY, 0.);
    connect->pace.data = connect;
    ev_timer_init(&connect->deadline, on_deadline, CONNECT_SECONDS, 0.);
    ev_set_priority(&connect->deadline, MP_PRIORITY_DELAY);
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
    mp_connect *connect = mp_loop_resolver(loop, &resolver) == 0 ? new_connect(socket, host, port) : NULL;
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
        bool wanted = protocol == MP_PROTOCOL_ANY || protocol == address.protocol;
        result = wanted ? add_addresses(connect, &address, 1) : -ENOENT;
        if (result == 0)
            start_connecting(socket);
    } else {
        result = look_up(connect, resolver, host, protocol);
    }
    if (result == 0)
        return MP_FAULT_NONE;
    enum mp_fault fault = mp_fault_from_errno(MP_ATTEMPT_LOOKUP, -result);
    connect_failed(socket, fault, true);
    return fault;
}
