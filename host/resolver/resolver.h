/*
 * The resolver: host names to addresses without ever blocking the loop. It asks c-ares, which honours
 * /etc/hosts and resolv.conf. Equal questions share one query, and answers are kept as long as their records
 * allow. Each family is its own question, so that none waits for the other. The resolver doesn't connect,
 * doesn't choose a family, and doesn't know scoped literals, which mp_address handles.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_RESOLVER_H
#define MP_RESOLVER_H

#include <stddef.h>

#include "data/address.h"
#include "data/ring.h"

struct ev_loop;

typedef struct mp_resolver mp_resolver;
typedef struct mp_lookup mp_lookup;
typedef struct mp_query mp_query;

/*
 * Reports how a look-up ended: 0 with at least one address, in the order in which to try them (RFC 6724), or
 *
 *     -ENOENT      no such host, no address of the family, or a malformed name
 *     -ETIMEDOUT   no answer within 10 s
 *     -EAGAIN      the name servers fail or cannot be reached
 *     -ENOMEM      out of memory
 *     -EMFILE      out of descriptors; also -ENFILE, -ENOBUFS
 *
 * or another -errno, with no address. The addresses are valid only during the call. It is called once for
 * each look-up, from the loop. The look-up is idle by then, and its memory is not touched afterwards. It may
 * start, cancel and free any look-ups, and run the loop; it must not free the resolver.
 */
typedef void mp_lookup_done(mp_lookup *lookup, int status, const mp_address *addresses, size_t count);

/*
 * A look-up: a part of its requester, zeroed before its first use. Don't move it until it is done or
 * cancelled. All members are private.
 */
struct mp_lookup {
    mp_ring link;
    mp_query *query; /* NULL: idle */
    mp_lookup_done *done;
    int lifetime;
};

/* In `done`: how many more seconds the addresses are valid; 0 if nobody was asked. */
static inline int mp_lookup_lifetime(const mp_lookup *lookup) {
    return lookup->lifetime;
}

/* Makes a resolver on `loop`; reads no file. Returns 0 or -ENOMEM. Free it before the loop. */
int mp_resolver_new(struct ev_loop *loop, mp_resolver **out);

/* Cancels all look-ups (they are idle afterwards) and frees the resolver; NULL does nothing. */
void mp_resolver_free(mp_resolver *resolver);

/*
 * Asks these name servers, "address[:port],…" (IPv6 with a port as "[address]:port"), instead of those in
 * resolv.conf; NULL or "" returns to resolv.conf. Drops kept answers. Returns 0, -EINVAL for a malformed
 * list, -EBUSY while servers are being asked, or -ENOMEM; an error changes nothing.
 */
int mp_resolver_set_servers(mp_resolver *resolver, const char *csv);

/*
 * Looks up the addresses of `name` in one family, MP_PROTOCOL_IPV4 or MP_PROTOCOL_IPV6. It copies the name
 * and ignores case. It asks for a name beyond ASCII, in UTF-8, by its ASCII form. Without a final dot, the
 * search list of resolv.conf applies. "localhost", names below it (RFC 6761) and address literals are
 * answered without asking anybody. A name in the hosts file has the addresses from there, and no others. The
 * environment variable CARES_HOSTS names another hosts file than /etc/hosts. To get both families of one
 * host, start one right after the other: they go through the search list together.
 *
 * Returns 0, and `done` is called later from the loop, never inside this call. Or returns -ENOMEM, -EMFILE
 * and the like, -EALREADY if the look-up is in progress, -ENOTSUP for a name beyond ASCII in a build without
 * libidn2, or another -errno; then `done` isn't called.
 */
int mp_resolver_lookup(mp_resolver *resolver, mp_lookup *lookup, const char *name, enum mp_protocol family,
                       mp_lookup_done *done);

/* Ends a look-up without calling `done`; does nothing to an idle one. */
void mp_lookup_cancel(mp_lookup *lookup);

/* The number of look-ups whose `done` has not been called yet. */
size_t mp_resolver_pending(const mp_resolver *resolver);

#endif
