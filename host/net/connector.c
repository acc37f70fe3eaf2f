/*
 * Connecting; see connector.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/connector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/reserve.h"
#include "net/local_connect.h"
#include "net/race.h"
#include "resolver/resolver.h"

#define CONNECT_SECONDS 30.0   /* Qt's time-out of one attempt, here of all together */
#define RESOLUTION_DELAY 0.050 /* RFC 8305, section 3: how long IPv4 addresses wait for IPv6 ones */

typedef struct mp_family {
    mp_lookup lookup;
    mp_connector *connector;
    bool looking_up, found;
} mp_family;

struct mp_connector {
    mp_ring link; /* in network->connecting */
    mp_network *network;
    mp_stream *stream;
    const mp_connector_owner *owner;
    enum { LOOKING_UP, FOUND, ATTEMPTING, OVER } stage;
    mp_family families[2]; /* by protocol */
    mp_race race;
    mp_local_connect *local; /* instead of the race; or NULL */
    ev_timer pause;          /* runs while IPv4 waits for IPv6 */
    ev_timer deadline;
};

static struct ev_loop *ev_of(const mp_connector *connector) {
    return connector->network->loop.ev;
}

/* --- the outcome ---------------------------------------------------------------------------------------- */

static void found(mp_connector *connector) {
    assert(connector->stage == LOOKING_UP);
    connector->stage = FOUND;
    ev_timer_stop(ev_of(connector), &connector->pause);
    connector->owner->found(connector->stream);
}

static void failed(mp_connector *connector, enum mp_fault fault) {
    assert(connector->stage != OVER);
    connector->stage = OVER;
    connector->owner->done(connector->stream, -1, NULL, fault);
}

static void over(mp_race *race, int fd, const mp_address *address) {
    mp_connector *connector = MP_CONTAINER(race, mp_connector, race);
    if (fd < 0) {
        failed(connector, race->fault);
        return;
    }
    assert(connector->stage != OVER);
    connector->stage = OVER;
    connector->owner->done(connector->stream, fd, address, MP_FAULT_NONE);
}

static void local_over(void *owner, int fd, enum mp_fault fault) {
    mp_connector *connector = owner;
    assert(connector->stage != OVER);
    connector->stage = OVER;
    connector->owner->done(connector->stream, fd, NULL, fault);
}

static bool is_looking_up(const mp_connector *connector) {
    return connector->families[0].looking_up || connector->families[1].looking_up;
}

static bool expects_more(const mp_race *race) {
    return is_looking_up(MP_CONTAINER(race, mp_connector, race));
}

static const mp_race_owner race_owner = {over, expects_more};

static void on_deadline(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_connector *connector = timer->data;
    mp_loop *loop = &connector->network->loop;
    (void)ev;
    (void)revents;
    failed(connector, MP_FAULT_CONNECT_TIMEOUT);
    mp_loop_settle(loop);
}

/* --- addresses ------------------------------------------------------------------------------------------ */

static void on_pause(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_connector *connector = timer->data;
    mp_loop *loop = &connector->network->loop;
    (void)ev;
    (void)revents;
    found(connector);
    mp_loop_settle(loop);
}

/* Continues with the results of a look-up. */
static void go_on(mp_connector *connector) {
    const mp_family *v4 = &connector->families[MP_PROTOCOL_IPV4];
    const mp_family *v6 = &connector->families[MP_PROTOCOL_IPV6];
    if (connector->stage != LOOKING_UP) {
        mp_race_go_on(&connector->race);
    } else if (v6->found || (v4->found && !v6->looking_up)) {
        found(connector);
    } else if (v4->found) {
        ev_timer_set(&connector->pause, RESOLUTION_DELAY, 0.);
        ev_timer_start(ev_of(connector), &connector->pause);
    } else if (!is_looking_up(connector)) {
        failed(connector, connector->race.fault);
    }
}

static void on_lookup(mp_lookup *lookup, int status, const mp_address *addresses, size_t count) {
    mp_family *family = MP_CONTAINER(lookup, mp_family, lookup);
    mp_connector *connector = family->connector;
    mp_loop *loop = &connector->network->loop;
    family->looking_up = false;
    if (status == 0)
        status = mp_race_add(&connector->race, addresses, count);
    family->found = status == 0;
    if (status < 0 && connector->race.fault == MP_FAULT_HOST_NOT_FOUND)
        connector->race.fault = (uint8_t)mp_fault_from_errno(MP_ATTEMPT_LOOKUP, -status);
    go_on(connector);
    mp_loop_settle(loop);
}

/* Looks up the addresses of one protocol, or of both. Returns 0 or -errno. */
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
        address->protocol = MP_PROTOCOL_IPV4; /* Qt connects to its text, "0.0.0.0" */
    bool wanted = protocol == MP_PROTOCOL_ANY || protocol == address->protocol;
    return wanted ? mp_race_add(&connector->race, address, 1) : -ENOENT;
}

/* --- life ----------------------------------------------------------------------------------------------- */

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
    connector->families[0].connector = connector->families[1].connector = connector;
    mp_race_init(&connector->race, network, &race_owner, port, own_fd);
    ev_timer_init(&connector->pause, on_pause, RESOLUTION_DELAY, 0.);
    connector->pause.data = connector;
    ev_timer_init(&connector->deadline, on_deadline, CONNECT_SECONDS, 0.);
    ev_set_priority(&connector->deadline, MP_PRIORITY_DELAY);
    connector->deadline.data = connector;
    return 0;
}

int mp_connector_start(mp_connector *connector, const char *host, enum mp_protocol protocol) {
    mp_address address;
    mp_loop_update_time(&connector->network->loop);
    ev_timer_start(ev_of(connector), &connector->deadline);
    if (mp_address_parse(&address, host, strlen(host)) < 0)
        return look_up(connector, host, protocol);
    int result = take_literal(connector, &address, protocol);
    if (result == 0)
        found(connector);
    return result;
}

int mp_connector_start_local(mp_connector *connector, const mp_local_name *name) {
    connector->local = mp_local_connect_new(connector->network, name, connector->race.own_fd,
                                            &connector->race.options, local_over, connector);
    if (!connector->local)
        return -ENOMEM;
    mp_loop_update_time(&connector->network->loop);
    ev_timer_start(ev_of(connector), &connector->deadline);
    connector->stage = FOUND;
    return 0;
}

void mp_connector_attempt(mp_connector *connector) {
    if (connector->stage != FOUND)
        return;
    connector->stage = ATTEMPTING;
    if (connector->local)
        mp_local_connect_begin(connector->local);
    else
        mp_race_begin(&connector->race);
}

int mp_connector_set_option(mp_connector *connector, int option, int value) {
    return mp_race_set_option(&connector->race, option, value);
}

int mp_connector_option(const mp_connector *connector, int option, int *value) {
    return mp_socket_options_get(&connector->race.options, option, value);
}

void mp_connector_free(mp_connector *connector) {
    if (!connector)
        return;
    mp_ring_remove(&connector->link);
    ev_timer_stop(ev_of(connector), &connector->pause);
    ev_timer_stop(ev_of(connector), &connector->deadline);
    mp_lookup_cancel(&connector->families[0].lookup);
    mp_lookup_cancel(&connector->families[1].lookup);
    mp_local_connect_free(connector->local);
    mp_race_stop(&connector->race);
    free(connector);
}

uint16_t mp_connector_port(const mp_connector *connector) {
    return connector->race.port;
}

mp_stream *mp_connector_stream(mp_ring *link) {
    return MP_CONTAINER(link, mp_connector, link)->stream;
}
