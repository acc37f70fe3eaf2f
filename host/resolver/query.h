/*
 * Queries of the resolver, one for each name and family. Look-ups wait for a query and share its answer,
 * which stays in a table for its time to live. For host/resolver/ only. Nothing here asks anybody or calls a
 * requester.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_RESOLVER_QUERY_H
#define MP_RESOLVER_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/resolver.h"

/* The most answers in the table, and the largest of them. */
#define MP_KEPT_MAX 2048
#define MP_KEPT_ADDRESSES_MAX 64

#define MP_QUERY_BUCKETS 512

struct ares_addrinfo;

enum mp_query_state {
    MP_QUERY_LOOSE,  /* answered or given up, in no table: exists as long as look-ups hold it */
    MP_QUERY_QUEUED, /* in the table, waits until others are answered */
    MP_QUERY_ASKED,  /* in the table, c-ares is asking */
    MP_QUERY_KEPT    /* in the table, answered */
};

struct mp_query {
    mp_resolver *resolver;
    enum mp_query_state state;
    uint32_t references; /* of each look-up, the table, c-ares (even after it was given up) */
    mp_query *chain;     /* next in its bucket */
    mp_ring age;         /* in the list for its state, oldest first */
    mp_ring waiting;     /* look-ups, while it is queued or asked */
    int64_t due;         /* milliseconds: when it is given up or leaves the table */
    int status;
    size_t count;
    mp_address *addresses;
    uint32_t hash;
    uint8_t family; /* MP_PROTOCOL_IPV4 or MP_PROTOCOL_IPV6 */
    bool held;      /* asked, and denied here: waits for the answer to its twin, the other family's query */
    bool last;      /* its twin's answer ends the search: if denied here, it is denied */
    bool alone;     /* its twin was denied: while this answer is kept, nobody asks the twin again */
    size_t step;    /* place in the search list */
    char name[];    /* in lower case */
};

typedef struct mp_query_table {
    mp_query *buckets[MP_QUERY_BUCKETS];
    mp_ring kept;
    size_t kept_count;
} mp_query_table;

static inline bool mp_query_is_open(const mp_query *query) {
    return query->state == MP_QUERY_QUEUED || query->state == MP_QUERY_ASKED;
}

/* Makes a loose query with one reference; NULL if there is no memory. */
mp_query *mp_query_new(mp_resolver *resolver, const char *folded, enum mp_protocol family);

/* Releases a reference. */
void mp_query_release(mp_query *query);

/* Answers what needs no servers: malformed names, address literals, localhost. Returns 1, 0 if servers must
   be asked, or -ENOMEM. */
int mp_query_answer_locally(mp_query *query);

/* Takes the addresses of the query's family from c-ares's answer. Returns 0, -ENOENT or -ENOMEM. */
int mp_query_take(mp_query *query, const struct ares_addrinfo *info);

/* The smallest time to live of all records in seconds, or `most`. 0 for the hosts file's; a negative one
   means 0 (RFC 2181, 8). */
int mp_answer_lifetime(const struct ares_addrinfo *info, int most);

/* Moves an open query to a list that is ordered by when the queries are given up. */
void mp_query_line_up(mp_ring *list, mp_query *query);

void mp_query_table_init(mp_query_table *table);

/* The query for this name and family or NULL, without a new reference. Drops one that was kept and is due. */
mp_query *mp_query_table_find(mp_query_table *table, const char *folded, enum mp_protocol family,
                              int64_t now);

/* Adds a loose query to the table and, queued, to the end of a list. */
void mp_query_table_add(mp_query_table *table, mp_query *query, mp_ring *queued);

/* Keeps an open query, which was answered, until `due`; drops the oldest one if there are too many. */
void mp_query_table_keep(mp_query_table *table, mp_query *query, int64_t due);

/* Removes a query from the table, which releases the table's reference; does nothing to a loose one. */
void mp_query_table_drop(mp_query_table *table, mp_query *query);

/* Drops all kept answers. */
void mp_query_table_forget(mp_query_table *table);

#endif
