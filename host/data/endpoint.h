/*
 * Where something listens or connects to: an address and a port, or the name of a Unix-domain socket.
 * mp_address remains IP only.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_ENDPOINT_H
#define MP_ENDPOINT_H

#include "data/address.h"
#include "data/local_name.h"

typedef struct mp_endpoint {
    mp_address address; /* Null if there is a name */
    uint16_t port;
    const mp_local_name *local; /* whoever sets it holds the memory; NULL: an address */
} mp_endpoint;

/* True if both are written alike: "any" and 0.0.0.0 differ, and so do fe80::1%1 and fe80::1%2. */
static inline bool mp_endpoint_equal(const mp_endpoint *a, const mp_endpoint *b) {
    if (a->local || b->local)
        return a->local && b->local && mp_local_name_equal(a->local, b->local);
    return a->port == b->port && a->address.scope_id == b->address.scope_id &&
           mp_address_equal(&a->address, &b->address);
}

#endif
