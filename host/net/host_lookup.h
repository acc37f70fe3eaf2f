/*
 * Looks up a name without connecting: gives the addresses that a connect would try, in the same order. Both
 * families are asked at once. The look-up is over when both have answered, or a second after the first answer
 * with an address.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_HOST_LOOKUP_H
#define MP_HOST_LOOKUP_H

#include "data/error.h"
#include "net/network.h"
#include "resolver/resolver.h"

typedef struct mp_host_lookup mp_host_lookup;

typedef struct mp_host_lookup_family {
    mp_lookup lookup;
    mp_host_lookup *owner;
    bool looking_up;
    size_t count;
    mp_address *addresses;
} mp_host_lookup_family;

/* Part of its requester; zeroed before its first use. */
struct mp_host_lookup {
    mp_network *network;
    void (*done)(mp_host_lookup *lookup);
    mp_host_lookup_family families[2]; /* by protocol */
    ev_timer patience;
    enum mp_fault fault; /* why there is no address */
    int lifetime;        /* seconds for which all addresses are known to be valid */
};

/*
 * Begins; `name` is a name or a literal address; "any" is 0.0.0.0. `done` is called once, from the loop,
 * unless the look-up is ended before; `fault` and the addresses are the result. Returns 0; 1 if it is over
 * already, and `done` isn't called; or -errno.
 */
int mp_host_lookup_start(mp_host_lookup *lookup, mp_network *network, const char *name,
                         enum mp_protocol protocol, void (*done)(mp_host_lookup *lookup));

/* The address at `i`, counted from 0. IPv6 and IPv4 alternate as long as there are both; NULL after the
   last. */
const mp_address *mp_host_lookup_address(const mp_host_lookup *lookup, size_t i);

/* Ends the look-up without calling `done`, and frees its results; does nothing if it has never begun. */
void mp_host_lookup_end(mp_host_lookup *lookup);

#endif
