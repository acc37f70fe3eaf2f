/*
 * The resolver: host names to addresses without ever blocking the loop. Asks c-ares, which honours /etc/hosts
 * and resolv.conf; equal questions share one query, and answers are kept for as long as their records say.
 * Each family is a question of its own, so that none waits for the other. It doesn't connect, doesn't choose
 * a family, and knows nothing of scoped literals: mp_address does those.
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
 * Says how a look-up ended: 0 with at least one address, in the order in which to try them (RFC 6724), or
 *
 *     -ENOENT      there is no such host, it has no address of the family, or the name is malformed
 *     -ETIMEDOUT   no answer within 10 s
 *     -EAGAIN      the name servers fail or cannot be reached
 *     -ENOMEM      out of memory
 *     -EMFILE      out of descriptors; also -ENFILE, -ENOBUFS
 *
 * or another -errno, with no address. The addresses are valid during the call only. Called once a look-up,
 * from the loop; the look-up is idle by then, and its memory is not touched afterwards. May start and cancel
 * any look-ups, free them, and run the loop; must not free the resolver.
 */
typedef void mp_lookup_done(mp_lookup *lookup, int status, const mp_address *addresses, size_t count);

/*
 * A look-up: part of its requester, zeroed before its first use, and left where it is until it is done or
 * cancelled. All members are private.
 */
struct mp_lookup {
    mp_ring link;
    mp_query *query; /* NULL: idle */
    mp_lookup_done *done;
    int lifetime;
};

/* In `done`: seconds for which the addresses are still known to hold; 0 for those that weren't asked for. */
static inline int mp_lookup_lifetime(const mp_lookup *lookup) {
    return lookup->lifetime;
}

/* Makes a resolver on `loop`, reading no file. Returns 0 or -ENOMEM. To be freed before the loop. */
int mp_resolver_new(struct ev_loop *loop, mp_resolver **out);

/* Cancels all look-ups (they are idle afterwards) and frees the resolver; NULL does nothing. */
void mp_resolver_free(mp_resolver *resolver);

/*
 * Asks these name servers, "address[:port],…" (IPv6 with a port as "[address]:port"), instead of those of
 * resolv.conf; NULL or "" goes back to resolv.conf. Forgets kept answers. Returns 0, -EINVAL for a malformed
 * list, -EBUSY while servers are being asked, or -ENOMEM; after an error all is as before.
 */
int mp_resolver_set_servers(mp_resolver *resolver, const char *csv);

/*
 * Looks up the addresses of `name` that are of the family, MP_PROTOCOL_IPV4 or MP_PROTOCOL_IPV6. The name is
 * copied, case doesn't matter; one beyond ASCII, in UTF-8, is asked for in its ASCII form; without a final
 * dot the search list of resolv.conf applies. "localhost", names below it (RFC 6761) and address literals are
 * answered without asking anybody; a name in the hosts file has the addresses that it has there, and no
 * others. The environment's CARES_HOSTS names one other than /etc/hosts. To have both families of one host,
 * ask for them one right after the other: they go through the search list together.
 *
 * Returns 0, and `done` is called later from the loop, never inside this call; or -ENOMEM, -EMFILE and the
 * like, -EALREADY if the look-up is under way, -ENOTSUP for a name beyond ASCII in a build without libidn2,
 * or another -errno, and `done` isn't called.
 */
int mp_resolver_lookup(mp_resolver *resolver, mp_lookup *lookup, const char *name, enum mp_protocol family,
                       mp_lookup_done *done);

/* Ends a look-up without a call of `done`; does nothing to an idle one. */
void mp_lookup_cancel(mp_lookup *lookup);

/* Look-ups whose `done` is still to be called. */
size_t mp_resolver_pending(const mp_resolver *resolver);

#endif
