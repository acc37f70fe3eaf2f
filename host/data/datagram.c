/*
 * Datagrams and their queues; see datagram.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/datagram.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 4096
#define KEPT_CAPACITY 65536 /* an empty queue keeps no more than that */

void mp_datagram_head_init(mp_datagram_head *head) {
    memset(head, 0, sizeof *head);
    head->peer.any.sa_family = AF_UNSPEC;
    head->hop_limit = head->service = -1;
    mp_address_set_null(&head->local);
}

void mp_datagram_peer(const mp_datagram_head *head, mp_address *address, uint16_t *port) {
    if (head->peer.any.sa_family == AF_UNSPEC ||
        mp_address_from_sockaddr(address, port, &head->peer.any) < 0) {
        mp_address_set_null(address);
        *port = 0;
    }
    mp_address_unmap(address);
}

int mp_socket_address_set(mp_socket_address *out, const mp_address *address, uint16_t port, bool v6) {
    uint32_t ipv4;
    if (v6) {
        out->v6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = address->scope_id};
        mp_address_to_ipv6(address, out->v6.sin6_addr.s6_addr);
        return 0;
    }
    if (mp_address_to_ipv4(address, &ipv4) < 0)
        return -EAFNOSUPPORT;
    out->v4 = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(ipv4)}};
    return 0;
}

/* --- queues --------------------------------------------------------------------------------------------- */

/* Keeps the heads aligned. */
size_t mp_datagram_room(size_t size) {
    return (sizeof(mp_datagram_head) + size + 7) & ~(size_t)7;
}

/* For assertions. */
static inline bool is_sound(const mp_datagram_queue *queue) {
    return queue->start <= queue->end && queue->end <= queue->capacity &&
           queue->bytes == queue->end - queue->start && (queue->count == 0) == (queue->bytes == 0);
}

/* Makes `room` bytes free at the end: moves what is there to the start, or takes more memory. */
static int make_room(mp_datagram_queue *queue, size_t room) {
    if (queue->capacity - queue->end >= room)
        return 0;
    if (queue->start >= queue->capacity / 2 && queue->capacity - queue->bytes >= room) {
        memmove(queue->memory, queue->memory + queue->start, queue->bytes);
    } else {
        size_t capacity = queue->capacity ? queue->capacity * 2 : FIRST_CAPACITY;
        while (capacity - queue->bytes < room)
            capacity *= 2;
        char *memory = malloc(capacity);
        if (!memory)
            return -ENOMEM;
        if (queue->bytes > 0)
            memcpy(memory, queue->memory + queue->start, queue->bytes);
        free(queue->memory);
        queue->memory = memory;
        queue->capacity = capacity;
    }
    queue->start = 0;
    queue->end = queue->bytes;
    return 0;
}

int mp_datagram_queue_append(mp_datagram_queue *queue, const mp_datagram_head *head, const char *data) {
    size_t room = mp_datagram_room(head->size);
    assert(is_sound(queue));
    if (queue->count == 0)
        queue->start = queue->end = 0;
    if (make_room(queue, room) < 0)
        return -ENOMEM;
    memcpy(queue->memory + queue->end, head, sizeof *head);
    if (head->size > 0)
        memcpy(queue->memory + queue->end + sizeof *head, data, head->size);
    queue->end += room;
    queue->bytes += room;
    queue->payload += head->size;
    queue->count++;
    return 0;
}

static const mp_datagram_head *head_at(const mp_datagram_queue *queue, size_t at) {
    return (const mp_datagram_head *)(const void *)(queue->memory + at);
}

int mp_datagram_queue_look(const mp_datagram_queue *queue, mp_datagram *out, int most) {
    int count = 0;
    assert(is_sound(queue));
    for (size_t at = queue->start; at < queue->end && count < most; count++) {
        out[count].head = head_at(queue, at);
        out[count].data = queue->memory + at + sizeof(mp_datagram_head);
        at += mp_datagram_room(out[count].head->size);
    }
    return count;
}

void mp_datagram_queue_drop(mp_datagram_queue *queue) {
    assert(is_sound(queue) && queue->count > 0);
    size_t size = head_at(queue, queue->start)->size, room = mp_datagram_room(size);
    queue->start += room;
    queue->bytes -= room;
    queue->payload -= size;
    queue->count--;
}

void mp_datagram_queue_trim(mp_datagram_queue *queue) {
    if (queue->count == 0 && queue->capacity > KEPT_CAPACITY)
        mp_datagram_queue_clear(queue);
}

void mp_datagram_queue_clear(mp_datagram_queue *queue) {
    free(queue->memory);
    *queue = (mp_datagram_queue){0};
}
