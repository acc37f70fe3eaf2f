/*
 * Connecting; see connector.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/connector.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "loop/reserve.h"
#include "net/descriptor.h"
#include "net/socket_option.h"
#include "resolver/resolver.h"
#include "system/system.h"

#define CONNECT_SECONDS 30.0   /* Qt's time-out of an attempt, here for all of them */
#define ATTEMPT_DELAY 0.250    /* RFC 8305, section 5 */
#define RESOLUTION_DELAY 0.050 /* section 3: how long IPv4 addresses wait for those of IPv6 */
#define MOST_ADDRESSES 32      /* of a family */

typedef struct mp_attempt_slot {
    ev_io watcher; /* fd -1: not begun, or over */
    mp_connector *connector;
    mp_address address;
} mp_attempt_slot;

typedef struct mp_family {
    mp_lookup lookup;
    mp_connector *connector;
    bool looking_up;
    size_t count, next;
    mp_attempt_slot *slots;
} mp_family;

struct mp_connector {
    mp_ring link; /* in network->connecting */
    mp_network *network;
    mp_stream *stream;
    const mp_connector_owner *owner;
    int own_fd; /* -1: each attempt has a descriptor of its own */
    uint16_t port;
    uint8_t fault; /* of the attempt that failed last */
    uint8_t turn;  /* the family that comes next */
    enum { LOOKING_UP, FOUND, ATTEMPTING, OVER } stage;
    size_t running;
    mp_family families[2]; /* by protocol */
    ev_timer pace;         /* before the first attempt, while IPv4 waits for IPv6, and between attempts */
    ev_timer deadline;
    mp_socket_options options; /* of each attempt */
};

static struct ev_loop *ev_of(const mp_connector *connector) {
    return connector->network->loop.ev;
}

/* --- the outcome ----------------------------------------------------------------------------------------------------- */

static void found(mp_connector *connector) {
    assert(connector->stage == LOOKING_UP);
    connector->stage = FOUND;
    ev_timer_stop(ev_of(connector), &connector->pace);
    connector->owner->found(connector->stream);
}

static void failed(mp_connector *connector, enum mp_fault fault) {
    assert(connector->stage != OVER);
    connector->stage = OVER;
    connector->owner->done(connector->stream, -1, NULL, fault);
}

static void won(mp_attempt_slot *slot) {
    mp_connector *connector = slot->connector;
    mp_address address = slot->address;
    int fd = slot->watcher.fd;
    assert(connector->stage != OVER);
    connector->stage = OVER;
    ev_io_stop(ev_of(connector), &slot->watcher);
    ev_io_set(&slot->watcher, -1, 0);
    connector->owner->done(connector->stream, fd, &address, MP_FAULT_NONE);
}

static void on_deadline(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_connector *connector = timer->data;
    mp_loop *loop = &connector->network->loop;
    (void)ev;
    (void)revents;
    failed(connector, MP_FAULT_CONNECT_TIMEOUT);
    mp_loop_settle(loop);
}

/* --- attempts ---------------------------------------------------------------------------------------------------- */

static void begin_attempts(mp_connector *connector);

static void give_up_slot(mp_attempt_slot *slot, int error) {
    mp_connector *connector = slot->connector;
    int fd = slot->watcher.fd;
    ev_io_stop(ev_of(connector), &slot->watcher);
    ev_io_set(&slot->watcher, -1, 0);
    if (fd >= 0 && fd == connector->own_fd)
        mp_system_unconnect(fd); /* for the next address */
    else if (fd >= 0)
        mp_descriptor_close(connector->network, fd);
    connector->fault = (uint8_t)mp_fault_from_errno(MP_ATTEMPT_CONNECT, error);
}

static void on_outcome(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_attempt_slot *slot = watcher->data;
    mp_connector *connector = slot->connector;
    mp_loop *loop = &connector->network->loop;
    /* What the poll can't watch is not known to be connected. */
    int result = revents & EV_ERROR ? -ENOMEM : mp_system_connect_result(watcher->fd);
    (void)ev;
    if (result == 0) {
        won(slot);
    } else {
        assert(connector->running > 0);
        connector->running--;
        give_up_slot(slot, -result);
        begin_attempts(connector);
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

int mp_connector_set_option(mp_connector *connector, int option, int value) {
    int result = mp_socket_option_check(option, value);
    for (mp_family *family = connector->families; family < connector->families + 2; family++)
        for (size_t i = 0; i < family->next && result == 0; i++)
            if (family->slots[i].watcher.fd >= 0)
                result = mp_socket_option_set(family->slots[i].watcher.fd, option, value);
    if (result < 0)
        return result;
    mp_socket_options_keep(&connector->options, option, value);
    return 0;
}

int mp_connector_option(const mp_connector *connector, int option, int *value) {
    return mp_socket_options_get(&connector->options, option, value);
}

/* Begins one attempt: true if it runs or has won at once. */
static bool begin(mp_connector *connector, mp_attempt_slot *slot) {
    bool own = connector->own_fd >= 0;
    int fd = -ENOMEM;
    if (own)
        fd = connector->own_fd;
    else if (mp_reserve_is_whole())
        fd = mp_system_socket(slot->address.protocol == MP_PROTOCOL_IPV4 ? AF_INET : AF_INET6);
    if (fd < 0) {
        connector->fault = (uint8_t)mp_fault_from_errno(MP_ATTEMPT_SOCKET, -fd);
        return false;
    }
    if (own)
        suit_descriptor(&slot->address, fd);
    mp_descriptor_own(connector->network, fd);
    if (!own)
        (void)mp_system_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    mp_socket_options_apply(&connector->options, fd, connector->network->loop.log_level);
    ev_io_set(&slot->watcher, fd, EV_WRITE);
    int result = mp_system_connect(fd, &slot->address, connector->port);
    if (result < 0 && result != -EINPROGRESS) {
        give_up_slot(slot, -result);
        return false;
    }
    connector->running++;
    if (result == 0)
        won(slot);
    else
        ev_io_start(ev_of(connector), &slot->watcher);
    return true;
}

/* The next address to try, or NULL. */
static mp_attempt_slot *next_slot(mp_connector *connector) {
    mp_family *family = &connector->families[connector->turn];
    if (family->next == family->count)
        family = &connector->families[1 - connector->turn];
    if (family->next == family->count)
        return NULL;
    connector->turn = family == connector->families ? 1 : 0;
    return &family->slots[family->next++];
}

static bool is_looking_up(const mp_connector *connector) {
    return connector->families[0].looking_up || connector->families[1].looking_up;
}

/* Whether there are more addresses, or may be. */
static bool has_more(const mp_connector *connector) {
    const mp_family *families = connector->families;
    return families[0].next < families[0].count || families[1].next < families[1].count ||
           is_looking_up(connector);
}

static void set_pace(mp_connector *connector, double delay) {
    ev_timer_set(&connector->pace, delay, 0.);
    ev_timer_start(ev_of(connector), &connector->pace);
}

/* Begins the next attempt that can be begun; ends the connect when none runs and no address can come any more. Whatever has won or
   failed may have freed the connector. */
static void begin_attempts(mp_connector *connector) {
    mp_attempt_slot *slot;
    ev_timer_stop(ev_of(connector), &connector->pace);
    if (connector->own_fd >= 0 && connector->running > 0)
        return;
    while ((slot = next_slot(connector))) {
        bool more = has_more(connector);
        /* Before the attempt: that may be the end of the connector. */
        if (more)
            set_pace(connector, ATTEMPT_DELAY);
        if (begin(connector, slot))
            return;
        ev_timer_stop(ev_of(connector), &connector->pace);
    }
    if (connector->running == 0 && !is_looking_up(connector))
        failed(connector, connector->fault);
}

void mp_connector_attempt(mp_connector *connector) {
    if (connector->stage != FOUND)
        return;
    connector->stage = ATTEMPTING;
    begin_attempts(connector);
}

/* --- addresses --------------------------------------------------------------------------------------------------- */

/* Takes addresses, all of one family. Returns 0 or -ENOMEM. */
static int add_addresses(mp_connector *connector, const mp_address *addresses, size_t count) {
    mp_family *family = &connector->families[addresses->protocol];
    count = count < MOST_ADDRESSES ? count : MOST_ADDRESSES;
    family->slots = calloc(count, sizeof *family->slots);
    if (!family->slots)
        return -ENOMEM;
    family->count = count;
    for (size_t i = 0; i < count; i++) {
        mp_attempt_slot *slot = &family->slots[i];
        slot->connector = connector;
        slot->address = addresses[i];
        ev_io_init(&slot->watcher, on_outcome, -1, EV_WRITE);
        slot->watcher.data = slot;
    }
    return 0;
}

static void on_pace(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_connector *connector = timer->data;
    mp_loop *loop = &connector->network->loop;
    (void)ev;
    (void)revents;
    if (connector->stage == LOOKING_UP)
        found(connector);
    else
        begin_attempts(connector);
    mp_loop_settle(loop);
}

/* Goes on with what a look-up has brought. */
static void go_on(mp_connector *connector) {
    const mp_family *v4 = &connector->families[MP_PROTOCOL_IPV4];
    const mp_family *v6 = &connector->families[MP_PROTOCOL_IPV6];
    if (connector->stage != LOOKING_UP) {
        /* Not while the first attempt is still to come, nor before the last one has had its time. */
        if (connector->stage == ATTEMPTING && !ev_is_active(&connector->pace))
            begin_attempts(connector);
    } else if (v6->count > 0 || (v4->count > 0 && !v6->looking_up)) {
        found(connector);
    } else if (v4->count > 0) {
        set_pace(connector, RESOLUTION_DELAY);
    } else if (!is_looking_up(connector)) {
        failed(connector, connector->fault);
    }
}

static void on_lookup(mp_lookup *lookup, int status, const mp_address *addresses, size_t count) {
    mp_family *family = MP_CONTAINER(lookup, mp_family, lookup);
    mp_connector *connector = family->connector;
    mp_loop *loop = &connector->network->loop;
    family->looking_up = false;
    if (status == 0)
        status = add_addresses(connector, addresses, count);
    if (status < 0 && connector->fault == MP_FAULT_HOST_NOT_FOUND)
        connector->fault = (uint8_t)mp_fault_from_errno(MP_ATTEMPT_LOOKUP, -status);
    go_on(connector);
    mp_loop_settle(loop);
}

/* Asks for the addresses of the protocol, or of both. Returns 0 or -errno. */
static int look_up(mp_connector *connector, const char *host, enum mp_protocol protocol) {
    static const enum mp_protocol protocols[] = {MP_PROTOCOL_IPV6, MP_PROTOCOL_IPV4};
    mp_network *network = connector->network;
    int result = network->resolver ? 0 : mp_resolver_new(network->loop.ev, &network->resolver);
    for (size_t i = 0; i < 2 && result == 0; i++) {
        mp_family *family = &connector->families[protocols[i]];
        if (protocol != MP_PROTOCOL_ANY && protocol != protocols[i])
            continue;
        result = mp_resolver_lookup(network->resolver, &family->lookup, host, protocols[i], on_lookup);
        family->looking_up = result == 0;
    }
    return result;
}

static int take_literal(mp_connector *connector, mp_address *address, enum mp_protocol protocol) {
    if (address->protocol == MP_PROTOCOL_ANY)
        address->protocol = MP_PROTOCOL_IPV4; /* Qt connects to its text, which is 0.0.0.0 */
    bool wanted = protocol == MP_PROTOCOL_ANY || protocol == address->protocol;
    return wanted ? add_addresses(connector, address, 1) : -ENOENT;
}

/* --- life ------------------------------------------------------------------------------------------------------------ */

int mp_connector_new(mp_stream *stream, mp_network *network, const mp_connector_owner *owner, uint16_t port,
                     int own_fd, mp_connector **out) {
    mp_connector *connector = mp_reserve_is_whole() ? calloc(1, sizeof *connector) : NULL;
    *out = connector;
    if (!connector)
        return -ENOMEM;
    connector->network = network;
    mp_ring_append(&network->connecting, &connector->link);
    connector->stream = stream;
    connector->owner = owner;
    connector->port = port;
    connector->own_fd = own_fd;
    connector->turn = MP_PROTOCOL_IPV6;
    connector->families[0].connector = connector->families[1].connector = connector;
    connector->fault = MP_FAULT_HOST_NOT_FOUND;
    ev_timer_init(&connector->pace, on_pace, ATTEMPT_DELAY, 0.);
    connector->pace.data = connector;
    ev_timer_init(&connector->deadline, on_deadline, CONNECT_SECONDS, 0.);
    ev_set_priority(&connector->deadline, MP_PRIORITY_DELAY);
    connector->deadline.data = connector;
    return 0;
}

int mp_connector_start(mp_connector *connector, const char *host, enum mp_protocol protocol) {
    mp_address address;
    ev_now_update(ev_of(connector));
    ev_timer_start(ev_of(connector), &connector->deadline);
    if (mp_address_parse(&address, host, strlen(host)) < 0)
        return look_up(connector, host, protocol);
    int result = take_literal(connector, &address, protocol);
    if (result == 0)
        found(connector);
    return result;
}

void mp_connector_free(mp_connector *connector) {
    if (!connector)
        return;
    mp_network *network = connector->network;
    mp_ring_remove(&connector->link);
    ev_timer_stop(network->loop.ev, &connector->pace);
    ev_timer_stop(network->loop.ev, &connector->deadline);
    for (mp_family *family = connector->families; family < connector->families + 2; family++) {
        mp_lookup_cancel(&family->lookup);
        for (size_t i = 0; i < family->next; i++) {
            int fd = family->slots[i].watcher.fd;
            ev_io_stop(network->loop.ev, &family->slots[i].watcher);
            if (fd >= 0 && fd != connector->own_fd)
                mp_descriptor_close(network, fd);
        }
        free(family->slots);
    }
    free(connector);
}

uint16_t mp_connector_port(const mp_connector *connector) {
    return connector->port;
}

mp_stream *mp_connector_stream(mp_ring *link) {
    return MP_CONTAINER(link, mp_connector, link)->stream;
}
