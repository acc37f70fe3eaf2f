/*
 * How many connections each address has: a table by IPv4 address, or by the first 64 bits of an IPv6
 * address, since one client has all addresses that begin with these. Only values: no loop, no descriptor.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_ADDRESS_COUNTS_H
#define MP_ADDRESS_COUNTS_H

#include <stddef.h>

#include "data/address.h"

typedef struct mp_address_counts mp_address_counts;

/* Of one address; zeros: it has no connection. */
typedef struct mp_address_count {
    uint32_t connections;
    uint32_t handshakes; /* those of them whose handshake isn't done */
} mp_address_count;

/* An empty table; nobody can guess with `seed` which addresses are slow to find. NULL: no memory. */
mp_address_counts *mp_address_counts_new(const uint64_t seed[2]);

/* NULL does nothing. */
void mp_address_counts_free(mp_address_counts *counts);

mp_address_count mp_address_counts_of(const mp_address_counts *counts, const mp_address *address);

/* One connection more. Returns 0 or -ENOMEM with nothing changed. An address that is neither IPv4 nor IPv6
   isn't counted. */
int mp_address_counts_add(mp_address_counts *counts, const mp_address *address);

/* One less; does nothing if there is none. */
void mp_address_counts_remove(mp_address_counts *counts, const mp_address *address);

/* One handshake more (1) or less (-1), if there is such a connection. */
void mp_address_counts_shake(mp_address_counts *counts, const mp_address *address, int change);

/* The number of addresses. */
size_t mp_address_counts_size(const mp_address_counts *counts);

#endif
