/*
 * Looking up a name; see host_lookup.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/host_lookup.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE 1.0 /* seconds that one family's addresses wait for the other's */

static bool is_looking_up(const mp_host_lookup *lookup) {
    return lookup->families[0].looking_up || lookup->families[1].looking_up;
}

static void finish(mp_host_lookup *lookup) {
    mp_loop *loop = &lookup->network->loop;
    ev_timer_stop(loop->ev, &lookup->patience);
    for (int i = 0; i < 2; i++) {
        mp_lookup_cancel(&lookup->families[i].lookup);
        lookup->families[i].looking_up = false;
    }
    lookup->done(lookup);
    mp_loop_settle(loop);
}

static void on_patience(struct ev_loop *ev, ev_timer *timer, int revents) {
    (void)ev;
    (void)revents;
    finish(timer->data);
}

/* Stores addresses, all of one family. Returns 0 or -ENOMEM. */
static int take(mp_host_lookup *lookup, const mp_address *addresses, size_t count, int lifetime) {
    mp_host_lookup_family *family = &lookup->families[addresses->protocol];
    family->addresses = malloc(count * sizeof *addresses);
    if (!family->addresses)
        return -ENOMEM;
    memcpy(family->addresses, addresses, count * sizeof *addresses);
    family->count = count;
    if (lifetime < lookup->lifetime)
        lookup->lifetime = lifetime;
    return 0;
}

static void on_lookup(mp_lookup *answered, int status, const mp_address *addresses, size_t count) {
    mp_host_lookup_family *family = MP_CONTAINER(answered, mp_host_lookup_family, lookup);
    mp_host_lookup *lookup = family->owner;
    family->looking_up = false;
    if (status == 0)
        status = take(lookup, addresses, count, mp_lookup_lifetime(answered));
    if (status < 0 && lookup->fault == MP_FAULT_HOST_NOT_FOUND)
        lookup->fault = mp_fault_from_errno(MP_ATTEMPT_LOOKUP, -status);
    if (!is_looking_up(lookup))
        finish(lookup);
    else if (family->count > 0)
        ev_timer_start(lookup->network->loop.ev, &lookup->patience);
}

static int take_literal(mp_host_lookup *lookup, mp_address *address, enum mp_protocol protocol) {
    if (address->protocol == MP_PROTOCOL_ANY)
        address->protocol = MP_PROTOCOL_IPV4;
    lookup->lifetime = 0;
    if (protocol != MP_PROTOCOL_ANY && protocol != address->protocol)
        return 1;
    int result = take(lookup, address, 1, 0);
    return result < 0 ? result : 1;
}

int mp_host_lookup_start(mp_host_lookup *lookup, mp_network *network, const char *name,
                         enum mp_protocol protocol, void (*done)(mp_host_lookup *lookup)) {
    static const enum mp_protocol protocols[] = {MP_PROTOCOL_IPV6, MP_PROTOCOL_IPV4};
    mp_address address;
    lookup->network = network;
    lookup->done = done;
    lookup->fault = MP_FAULT_HOST_NOT_FOUND;
    lookup->lifetime = INT_MAX;
    lookup->families[0].owner = lookup->families[1].owner = lookup;
    ev_timer_init(&lookup->patience, on_patience, PATIENCE, 0.);
    lookup->patience.data = lookup;
    if (mp_address_parse(&address, name, strlen(name)) == 0)
        return take_literal(lookup, &address, protocol);
    int result = network->resolver ? 0 : mp_resolver_new(network->loop.ev, &network->resolver);
    for (size_t i = 0; i < 2 && result == 0; i++) {
        mp_host_lookup_family *family = &lookup->families[protocols[i]];
        if (protocol != MP_PROTOCOL_ANY && protocol != protocols[i])
            continue;
        result = mp_resolver_lookup(network->resolver, &family->lookup, name, protocols[i], on_lookup);
        family->looking_up = result == 0;
    }
    if (result < 0)
        mp_host_lookup_end(lookup);
    return result;
}

const mp_address *mp_host_lookup_address(const mp_host_lookup *lookup, size_t i) {
    const mp_host_lookup_family *v6 = &lookup->families[MP_PROTOCOL_IPV6];
    const mp_host_lookup_family *v4 = &lookup->families[MP_PROTOCOL_IPV4];
    size_t both = v6->count < v4->count ? v6->count : v4->count;
    if (i < 2 * both)
        return i % 2 == 0 ? &v6->addresses[i / 2] : &v4->addresses[i / 2];
    i -= both;
    if (i < v6->count)
        return &v6->addresses[i];
    return i < v4->count ? &v4->addresses[i] : NULL;
}

void mp_host_lookup_end(mp_host_lookup *lookup) {
    if (!lookup->network)
        return;
    ev_timer_stop(lookup->network->loop.ev, &lookup->patience);
    for (int i = 0; i < 2; i++) {
        mp_host_lookup_family *family = &lookup->families[i];
        mp_lookup_cancel(&family->lookup);
        family->looking_up = false;
        family->count = 0;
        free(family->addresses);
        family->addresses = NULL;
    }
}
