/*
 * The resolver: look-ups, the queries that they share, and the delivery of answers.
 *
 * c-ares calls back whenever it likes, even inside ares_getaddrinfo and ares_cancel. So its callbacks only
 * move look-ups to the list of ready ones, and a timer calls the requesters from the loop. No watcher is
 * active without a look-up: when nobody waits any more, the questions of c-ares are cancelled.
 *
 * The queries for both families of a name are twins. Each ends when it is answered, but they go through the
 * search list together, and no further than the first name that one of them finds: the addresses of two names
 * would be those of two hosts.
 *
 * SPDX-License-Identifier: MIT
 */
#include "resolver/resolver.h"

#include <ares.h>
#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "resolver/channel.h"
#include "resolver/name.h"
#include "resolver/query.h"

/* Milliseconds after which a query is given up, whatever c-ares still tries (search lists, many servers). */
enum { PATIENCE = 10000 };
/* The most queries that c-ares has at a time. With 65,536 it would look for a free id forever. */
enum { ASKING_MAX = 2048 };
/* The most look-ups that one turn ends, for fairness to the loop's other watchers. */
enum { DELIVERIES_MAX = 64 };
/* Seconds; the longest that an answer is kept. */
enum { LIFETIME_MAX = 3600 };

struct mp_resolver {
    struct ev_loop *loop;
    ev_timer delivery; /* active while look-ups are ready */
    mp_channel channel;
    mp_query_table table;
    mp_ring asked, queued; /* open queries, ordered by when they are given up */
    mp_ring ready;         /* look-ups to call back, oldest first */
    size_t asking;         /* queries that c-ares has, including those given up */
    size_t waiting_count;  /* look-ups of open queries */
    size_t ready_count;
};

static int64_t now_in_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static mp_query *oldest(const mp_ring *list) {
    return mp_ring_is_empty(list) ? NULL : MP_CONTAINER(list->next, mp_query, age);
}

static void arm_delivery(mp_resolver *resolver) {
    if (mp_ring_is_empty(&resolver->ready)) {
        ev_timer_stop(resolver->loop, &resolver->delivery);
    } else if (!ev_is_active(&resolver->delivery)) {
        ev_timer_set(&resolver->delivery, 0., 0.);
        ev_timer_start(resolver->loop, &resolver->delivery);
    }
}

/* Adds a look-up to the list that it belongs to. It takes over the caller's reference to the query. */
static void attach(mp_resolver *resolver, mp_lookup *lookup, mp_query *query) {
    lookup->query = query;
    if (mp_query_is_open(query)) {
        mp_ring_append(&query->waiting, &lookup->link);
        resolver->waiting_count++;
    } else {
        mp_ring_append(&resolver->ready, &lookup->link);
        resolver->ready_count++;
        arm_delivery(resolver);
    }
}

/* The opposite; the caller takes over the reference. */
static mp_query *detach(mp_resolver *resolver, mp_lookup *lookup) {
    mp_query *query = lookup->query;
    assert(query); /* true for every look-up in a list */
    mp_ring_remove(&lookup->link);
    lookup->query = NULL;
    if (mp_query_is_open(query))
        resolver->waiting_count--;
    else
        resolver->ready_count--;
    return query;
}

static mp_query *twin_of(mp_resolver *resolver, const mp_query *query) {
    enum mp_protocol other = query->family == MP_PROTOCOL_IPV4 ? MP_PROTOCOL_IPV6 : MP_PROTOCOL_IPV4;
    return mp_query_table_find(&resolver->table, query->name, other, now_in_milliseconds());
}

/* Ends an open query whose outcome is set, and keeps it for `lifetime` seconds. It may be freed then. */
static void close_query(mp_resolver *resolver, mp_query *query, int lifetime) {
    mp_ring *waiting = &query->waiting;
    query->references++;
    query->held = false;
    if (query->status == 0 && lifetime > 0 && query->count <= MP_KEPT_ADDRESSES_MAX)
        mp_query_table_keep(&resolver->table, query, now_in_milliseconds() + (int64_t)lifetime * 1000);
    else
        mp_query_table_drop(&resolver->table, query);
    while (!mp_ring_is_empty(waiting)) {
        mp_lookup *lookup = MP_CONTAINER(waiting->next, mp_lookup, link);
        mp_ring_remove(&lookup->link);
        resolver->waiting_count--;
        attach(resolver, lookup, query);
    }
    mp_query *twin = twin_of(resolver, query);
    if (twin && query->status == -ENOENT) {
        twin->alone = true;
    } else if (twin && mp_query_is_open(twin) && twin->step == query->step) {
        twin->last = true;
        if (twin->held)
            close_query(resolver, twin, 0); /* denied: its outcome says so */
    }
    mp_query_release(query);
}

/* Answers a query from the hosts file; the answer is empty if the file has only the other family. Returns 1,
   0 if the name isn't there, or -ENOMEM. */
static int answer_from_hosts(mp_resolver *resolver, mp_query *query) {
    struct ares_addrinfo *info;
    int status = mp_channel_read_hosts(&resolver->channel, query->name, &info);
    if (!info)
        return status;
    query->status = mp_query_take(query, info);
    ares_freeaddrinfo(info);
    return query->status == -ENOMEM ? -ENOMEM : 1;
}

static void search_on(mp_resolver *resolver, mp_query *query) {
    query->step++;
    query->status = 0;
    query->held = false;
    query->state = MP_QUERY_QUEUED;
    mp_query_line_up(&resolver->queued, query);
}

/* The name that was asked doesn't exist, or has no address of the family. */
static void denied(mp_resolver *resolver, mp_query *query) {
    char ignored[MP_FULL_NAME_SIZE];
    mp_query *twin = twin_of(resolver, query);
    bool level = twin && twin->step == query->step;
    bool is_there = query->last || (level && twin->state == MP_QUERY_KEPT);
    if (is_there || !mp_channel_search(&resolver->channel, query->name, query->step + 1, ignored)) {
        int found = resolver->channel.hosts_last && !is_there ? answer_from_hosts(resolver, query) : 0;
        if (found < 0)
            query->status = found;
        close_query(resolver, query, 0);
    } else if (level && twin->state == MP_QUERY_ASKED && !twin->held) {
        query->held = true;
    } else {
        search_on(resolver, query);
        if (level && twin->held)
            search_on(resolver, twin);
    }
}

/* From c-ares, once for each question; late if the query was given up. */
static void on_answer(void *data, int status, int timeouts, struct ares_addrinfo *info) {
    mp_query *query = data;
    mp_resolver *resolver = query->resolver;
    (void)timeouts;
    resolver->asking--;
    if (mp_query_is_open(query)) {
        if (status == ARES_SUCCESS)
            query->status = mp_query_take(query, info);
        else
            query->status = mp_channel_error(&resolver->channel, status);
        if (query->status == -ENOENT)
            denied(resolver, query);
        else
            close_query(resolver, query, info ? mp_answer_lifetime(info, LIFETIME_MAX) : 0);
    }
    if (info)
        ares_freeaddrinfo(info);
    mp_query_release(query);
}

/* Passes an open query to c-ares. When this returns, the query may be answered and freed. */
static void ask(mp_resolver *resolver, mp_query *query) {
    const struct ares_addrinfo_hints hints = {
        .ai_family = query->family == MP_PROTOCOL_IPV4 ? AF_INET : AF_INET6,
        .ai_socktype = SOCK_STREAM,
    };
    char full[MP_FULL_NAME_SIZE];
    query->state = MP_QUERY_ASKED;
    mp_query_line_up(&resolver->asked, query);
    query->references++;
    resolver->asking++;
    (void)mp_channel_search(&resolver->channel, query->name, query->step, full);
    ares_getaddrinfo(resolver->channel.ares, full, NULL, &hints, on_answer, query);
}

/* Cancels all questions, when nobody waits. No answer is kept. */
static void cancel_asking(mp_resolver *resolver) {
    mp_query *query;
    while ((query = oldest(&resolver->asked)))
        mp_query_table_drop(&resolver->table, query);
    ares_cancel(resolver->channel.ares);
}

/* Every entry point ends with this. It asks what can be asked now, and stops what nobody waits for. */
static void settle(mp_resolver *resolver) {
    mp_query *query;
    while (resolver->asking < ASKING_MAX && (query = oldest(&resolver->queued)))
        ask(resolver, query);
    if (resolver->asking > 0 && resolver->waiting_count == 0)
        cancel_asking(resolver);
    resolver->channel.out_of_memory = false;
    if (resolver->asking == 0) {
        mp_channel_rest(&resolver->channel);
        return;
    }
    query = oldest(&resolver->asked);
    mp_channel_watch(&resolver->channel, query ? (double)(query->due - now_in_milliseconds()) / 1e3 : 1.);
}

static void give_up(mp_resolver *resolver, const mp_ring *list) {
    int64_t now = now_in_milliseconds();
    mp_query *query;
    while ((query = oldest(list)) && query->due <= now) {
        query->status = -ETIMEDOUT;
        close_query(resolver, query, 0);
    }
}

static void on_turn(mp_channel *channel) {
    mp_resolver *resolver = MP_CONTAINER(channel, mp_resolver, channel);
    give_up(resolver, &resolver->asked);
    give_up(resolver, &resolver->queued);
    settle(resolver);
}

/* The only place that calls requesters. It holds the query meanwhile, for its addresses, but not the
   look-up. */
static void on_delivery(struct ev_loop *loop, ev_timer *timer, int events) {
    mp_resolver *resolver = timer->data;
    (void)loop;
    (void)events;
    for (int i = 0; i < DELIVERIES_MAX && !mp_ring_is_empty(&resolver->ready); i++) {
        mp_lookup *lookup = MP_CONTAINER(resolver->ready.next, mp_lookup, link);
        mp_query *query = detach(resolver, lookup);
        int64_t left = query->state == MP_QUERY_KEPT ? query->due - now_in_milliseconds() : 0;
        lookup->lifetime = left > 0 ? (int)(left / 1000) : 0;
        arm_delivery(resolver); /* for the others, if the requester runs the loop */
        lookup->done(lookup, query->status, query->addresses, query->count);
        mp_query_release(query);
    }
    arm_delivery(resolver);
}

int mp_resolver_new(struct ev_loop *loop, mp_resolver **out) {
    mp_resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver)
        return -ENOMEM;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        free(resolver);
        return -ENOMEM;
    }
    resolver->loop = loop;
    ev_timer_init(&resolver->delivery, on_delivery, 0., 0.);
    resolver->delivery.data = resolver;
    mp_channel_init(&resolver->channel, loop, on_turn);
    mp_query_table_init(&resolver->table);
    mp_ring_init(&resolver->asked);
    mp_ring_init(&resolver->queued);
    mp_ring_init(&resolver->ready);
    *out = resolver;
    return 0;
}

static void abandon_lookups(mp_resolver *resolver, mp_ring *lookups) {
    while (!mp_ring_is_empty(lookups))
        mp_query_release(detach(resolver, MP_CONTAINER(lookups->next, mp_lookup, link)));
}

static void abandon_queries(mp_resolver *resolver, mp_ring *queries) {
    mp_query *query;
    while ((query = oldest(queries))) {
        abandon_lookups(resolver, &query->waiting);
        mp_query_table_drop(&resolver->table, query);
    }
}

void mp_resolver_free(mp_resolver *resolver) {
    if (!resolver)
        return;
    abandon_lookups(resolver, &resolver->ready);
    abandon_queries(resolver, &resolver->asked);
    abandon_queries(resolver, &resolver->queued);
    arm_delivery(resolver);
    mp_channel_close(&resolver->channel);
    mp_query_table_forget(&resolver->table);
    free(resolver->channel.servers);
    free(resolver);
    ares_library_cleanup();
}

int mp_resolver_set_servers(mp_resolver *resolver, const char *csv) {
    mp_channel *channel = &resolver->channel;
    char *old = channel->servers, *copy = NULL;
    int status;
    if (resolver->asking > 0)
        return -EBUSY;
    if (csv && *csv && !(copy = strdup(csv)))
        return -ENOMEM;
    mp_channel_close(channel);
    channel->servers = copy;
    status = mp_channel_open(channel);
    if (status < 0) {
        mp_channel_close(channel);
        channel->servers = old;
        free(copy);
        return status;
    }
    free(old);
    mp_query_table_forget(&resolver->table);
    return 0;
}

/* Makes a query for a name that has none: it is already answered, or queued. The caller gets its one
   reference. */
static int begin_query(mp_resolver *resolver, const char *folded, enum mp_protocol family, mp_query **out) {
    mp_query *query = mp_query_new(resolver, folded, family);
    const mp_query *twin;
    int status;
    if (!query)
        return -ENOMEM;
    status = mp_query_answer_locally(query);
    twin = twin_of(resolver, query);
    if (status == 0 && twin && twin->state == MP_QUERY_KEPT && twin->alone) {
        query->status = -ENOENT;
        status = 1;
    }
    if (status == 0)
        status = mp_channel_open(&resolver->channel);
    if (status == 0 && !resolver->channel.hosts_last)
        status = answer_from_hosts(resolver, query);
    if (status < 0) {
        mp_query_release(query);
        return status;
    }
    if (status == 0) {
        query->due = now_in_milliseconds() + PATIENCE;
        mp_query_table_add(&resolver->table, query, &resolver->queued);
    }
    *out = query;
    return 0;
}

int mp_resolver_lookup(mp_resolver *resolver, mp_lookup *lookup, const char *name, enum mp_protocol family,
                       mp_lookup_done *done) {
    char folded[MP_NAME_SIZE];
    mp_query *query;
    if (lookup->query)
        return -EALREADY;
    int status = mp_name_fold(folded, name);
    if (status < 0)
        return status;
    if (resolver->asking == 0 && resolver->channel.ares && mp_channel_is_stale(&resolver->channel)) {
        mp_channel_close(&resolver->channel);
        mp_query_table_forget(&resolver->table);
    }
    query = mp_query_table_find(&resolver->table, folded, family, now_in_milliseconds());
    if (query) {
        query->references++;
    } else {
        status = begin_query(resolver, folded, family, &query);
        if (status < 0)
            return status;
    }
    lookup->done = done;
    attach(resolver, lookup, query);
    settle(resolver);
    return 0;
}

void mp_lookup_cancel(mp_lookup *lookup) {
    mp_query *query = lookup->query;
    if (!query)
        return;
    mp_resolver *resolver = query->resolver;
    detach(resolver, lookup);
    if (query->state == MP_QUERY_QUEUED && mp_ring_is_empty(&query->waiting))
        mp_query_table_drop(&resolver->table, query);
    mp_query_release(query);
    arm_delivery(resolver);
    settle(resolver);
}

size_t mp_resolver_pending(const mp_resolver *resolver) {
    return resolver->waiting_count + resolver->ready_count;
}
