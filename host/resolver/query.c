/*
 * The resolver's queries, and the table that finds them by name. The table has a fixed size, and its oldest
 * answers go first: no number of names makes it grow. The caller always gives the time.
 *
 * SPDX-License-Identifier: MIT
 */
#include <ares.h>
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "data/hash.h"
#include "resolver/query.h"

/* RFC 1035, 2.3.4 as text: the longest name without its final dot, and the longest label. */
enum { NAME_MAX_LENGTH = 253, LABEL_MAX_LENGTH = 63 };

static uint32_t hash_of(const char *name) {
    return (uint32_t)mp_hash_text(MP_HASH_START, name, strlen(name));
}

mp_query *mp_query_new(mp_resolver *resolver, const char *folded, enum mp_protocol family) {
    size_t size = strlen(folded) + 1;
    mp_query *query = calloc(1, sizeof *query + size);
    if (!query)
        return NULL;
    query->resolver = resolver;
    query->references = 1;
    query->hash = hash_of(folded);
    query->family = (uint8_t)family;
    mp_ring_init(&query->waiting);
    memcpy(query->name, folded, size);
    return query;
}

void mp_query_release(mp_query *query) {
    assert(query->references > 0);
    if (--query->references > 0)
        return;
    free(query->addresses);
    free(query);
}

static size_t length_without_dot(const char *name) {
    size_t length = strlen(name);
    return length > 0 && name[length - 1] == '.' ? length - 1 : length;
}

/* True if a host may have this name: labels of 1 to 63 bytes, none with a special meaning to a resolver or in
   a URL. */
static bool is_well_formed(const char *name) {
    size_t length = length_without_dot(name), label = 0;
    if (length == 0 || length > NAME_MAX_LENGTH)
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c <= ' ' || c == 0x7f || strchr("\\:/%@[]", c))
            return false;
        if (c != '.')
            label++;
        if (label > LABEL_MAX_LENGTH || (c == '.' && label == 0))
            return false;
        if (c == '.')
            label = 0;
    }
    return label > 0;
}

/* True if a name is the top-level domain `domain`, or below it. */
static bool is_in(const char *name, const char *domain) {
    size_t length = length_without_dot(name), size = strlen(domain);
    if (length < size || memcmp(name + length - size, domain, size) != 0)
        return false;
    return length == size || name[length - size - 1] == '.';
}

static int answer_with(mp_query *query, const struct sockaddr *address) {
    query->addresses = calloc(1, sizeof *query->addresses);
    if (!query->addresses)
        return -ENOMEM;
    query->count = 1;
    mp_address_from_sockaddr(&query->addresses[0], NULL, address);
    return 1;
}

static int answer_with_nothing(mp_query *query) {
    query->status = -ENOENT;
    return 1;
}

/* Address literals never reach c-ares, which might ask servers for the other family's. Names below "onion"
   reach no server (RFC 7686), not even in the search list's domains. */
int mp_query_answer_locally(mp_query *query) {
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    const char *name = query->name;
    bool wants_v4 = query->family == MP_PROTOCOL_IPV4;
    bool local = is_in(name, "localhost") && is_well_formed(name);
    if (inet_pton(AF_INET, local ? "127.0.0.1" : name, &v4.sin_addr) == 1 && (wants_v4 || !local))
        return wants_v4 ? answer_with(query, (struct sockaddr *)&v4) : answer_with_nothing(query);
    if (inet_pton(AF_INET6, local ? "::1" : name, &v6.sin6_addr) == 1)
        return wants_v4 ? answer_with_nothing(query) : answer_with(query, (struct sockaddr *)&v6);
    return is_well_formed(name) && !is_in(name, "onion") ? 0 : answer_with_nothing(query);
}

int mp_query_take(mp_query *query, const struct ares_addrinfo *info) {
    size_t count = 0;
    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next)
        count++;
    if (count == 0)
        return -ENOENT;
    query->addresses = calloc(count, sizeof *query->addresses);
    if (!query->addresses)
        return -ENOMEM;
    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
        mp_address *address = &query->addresses[query->count];
        if (mp_address_from_sockaddr(address, NULL, node->ai_addr) == 0 && address->protocol == query->family)
            query->count++;
    }
    if (query->count > 0)
        return 0;
    free(query->addresses);
    query->addresses = NULL;
    return -ENOENT;
}

int mp_answer_lifetime(const struct ares_addrinfo *info, int most) {
    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next)
        most = node->ai_ttl < most ? node->ai_ttl : most;
    for (const struct ares_addrinfo_cname *cname = info->cnames; cname; cname = cname->next)
        most = cname->ttl < most ? cname->ttl : most;
    return most;
}

static mp_query **bucket_of(mp_query_table *table, uint32_t hash) {
    return &table->buckets[hash % MP_QUERY_BUCKETS];
}

void mp_query_line_up(mp_ring *list, mp_query *query) {
    mp_ring *at = list;
    while (at->previous != list && MP_CONTAINER(at->previous, mp_query, age)->due > query->due)
        at = at->previous;
    mp_ring_remove(&query->age);
    mp_ring_append(at, &query->age);
}

void mp_query_table_init(mp_query_table *table) {
    memset(table, 0, sizeof *table);
    mp_ring_init(&table->kept);
}

mp_query *mp_query_table_find(mp_query_table *table, const char *folded, enum mp_protocol family,
                              int64_t now) {
    uint32_t hash = hash_of(folded);
    mp_query *query = *bucket_of(table, hash);
    while (query && (query->hash != hash || query->family != family || strcmp(query->name, folded) != 0))
        query = query->chain;
    if (query && query->state == MP_QUERY_KEPT && query->due <= now) {
        mp_query_table_drop(table, query);
        return NULL;
    }
    return query;
}

void mp_query_table_add(mp_query_table *table, mp_query *query, mp_ring *queued) {
    mp_query **bucket = bucket_of(table, query->hash);
    assert(query->state == MP_QUERY_LOOSE && query->references > 0);
    query->chain = *bucket;
    *bucket = query;
    query->state = MP_QUERY_QUEUED;
    query->references++;
    mp_ring_append(queued, &query->age);
}

void mp_query_table_keep(mp_query_table *table, mp_query *query, int64_t due) {
    assert(query->state == MP_QUERY_QUEUED || query->state == MP_QUERY_ASKED);
    query->state = MP_QUERY_KEPT;
    query->due = due;
    mp_ring_remove(&query->age);
    mp_ring_append(&table->kept, &query->age);
    if (++table->kept_count > MP_KEPT_MAX)
        mp_query_table_drop(table, MP_CONTAINER(table->kept.next, mp_query, age));
}

void mp_query_table_drop(mp_query_table *table, mp_query *query) {
    if (query->state == MP_QUERY_LOOSE)
        return;
    mp_query **at = bucket_of(table, query->hash);
    while (*at != query)
        at = &(*at)->chain;
    *at = query->chain;
    mp_ring_remove(&query->age);
    if (query->state == MP_QUERY_KEPT)
        table->kept_count--;
    query->state = MP_QUERY_LOOSE;
    mp_query_release(query);
}

void mp_query_table_forget(mp_query_table *table) {
    while (!mp_ring_is_empty(&table->kept))
        mp_query_table_drop(table, MP_CONTAINER(table->kept.next, mp_query, age));
}
