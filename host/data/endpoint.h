/*
 * Where something listens or connects to: an address and a port, or a path in the file system. mp_address
 * stays IP.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_ENDPOINT_H
#define MP_ENDPOINT_H

#include <string.h>

#include "data/address.h"

typedef struct mp_endpoint {
    mp_address address; /* Null where there is a path */
    uint16_t port;
    const char *path; /* whoever fills it in keeps it; NULL: an address */
} mp_endpoint;

/* The same place, in the same words: "any" and 0.0.0.0 are two, and so are fe80::1%1 and fe80::1%2. */
static inline bool mp_endpoint_equal(const mp_endpoint *a, const mp_endpoint *b) {
    if (a->path || b->path)
        return a->path && b->path && strcmp(a->path, b->path) == 0;
    return a->port == b->port && a->address.scope_id == b->address.scope_id &&
           mp_address_equal(&a->address, &b->address);
}

#endif
