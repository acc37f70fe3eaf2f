/*
 * Queries of the resolver, one a name and family: what several look-ups wait for, and afterwards the answer
 * that they get, kept in a table for its time to live. For host/resolver/ only. Nothing here asks anybody or
 * calls a requester.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_RESOLVER_QUERY_H
#define MP_RESOLVER_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/resolver.h"

/* Answers that are kept at most, and the largest of them. */
#define MP_KEPT_MAX 2048
#define MP_KEPT_ADDRESSES_MAX 64

#define MP_QUERY_BUCKETS 512

struct ares_addrinfo;

enum mp_query_state {
    MP_QUERY_LOOSE,  /* answered or given up, in no table: it lives as long as look-ups hold it */
    MP_QUERY_QUEUED, /* in the table, waits for others to be answered first */
    MP_QUERY_ASKED,  /* in the table, c-ares is at it */
    MP_QUERY_KEPT    /* in the table, answered */
};

struct mp_query {
    mp_resolver *resolver;
    enum mp_query_state state;
    uint32_t references; /* one a look-up, one of the table, one of c-ares (also after it was given up) */
    mp_query *chain;     /* next in its bucket */
    mp_ring age;         /* in the list of its state, oldest first */
    mp_ring waiting;     /* look-ups, while it is queued or asked */
    int64_t due;         /* milliseconds: when it is given up or not kept any longer */
    int status;
    size_t count;
    mp_address *addresses;
    uint32_t hash;
    uint8_t family; /* MP_PROTOCOL_IPV4 or MP_PROTOCOL_IPV6 */
    bool held;      /* asked, and denied here: waits for what its twin, the other family's, is told */
    bool last;      /* what its twin was told ends the search: denied here, it is denied */
    bool alone;     /* its twin was denied: while this one is kept nobody asks for it again */
    size_t step;    /* in the search list */
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

/* A loose query with one reference, or NULL. */
mp_query *mp_query_new(mp_resolver *resolver, const char *folded, enum mp_protocol family);

/* Ends a reference. */
void mp_query_release(mp_query *query);

/* Answers what needs no asking: malformed names, address literals, localhost. Returns 1, 0 if servers must be
   asked, or -ENOMEM. */
int mp_query_answer_locally(mp_query *query);

/* Takes the addresses of the query's family out of what c-ares says. Returns 0, -ENOENT or -ENOMEM. */
int mp_query_take(mp_query *query, const struct ares_addrinfo *info);

/* The smallest time to live of all records in seconds, or `most`; 0 for the hosts file's, < 0 means 0 (RFC
   2181, 8). */
int mp_answer_lifetime(const struct ares_addrinfo *info, int most);

/* Moves an open query to a list that is in the order in which they are given up. */
void mp_query_line_up(mp_ring *list, mp_query *query);

void mp_query_table_init(mp_query_table *table);

/* The query of that name and family or NULL, no reference added. Drops it if it was kept and is due. */
mp_query *mp_query_table_find(mp_query_table *table, const char *folded, enum mp_protocol family,
                              int64_t now);

/* Puts a loose query in the table and, queued, at the end of a list. */
void mp_query_table_add(mp_query_table *table, mp_query *query, mp_ring *queued);

/* Keeps an open query, which was answered, until `due`; the oldest one goes if there are too many. */
void mp_query_table_keep(mp_query_table *table, mp_query *query, int64_t due);

/* Takes a query out of the table, which ends the table's reference; does nothing to a loose one. */
void mp_query_table_drop(mp_query_table *table, mp_query *query);

/* Drops all that is kept. */
void mp_query_table_forget(mp_query_table *table);

#endif
