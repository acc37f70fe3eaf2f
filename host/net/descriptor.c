/*
 * The descriptors that a network owns, one bit each; see descriptor.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/descriptor.h"

#include <stdlib.h>
#include <string.h>

#include "system/system.h"

#define BITS 64u

static bool make_room(mp_network *network, size_t word) {
    size_t count = network->owned_words ? network->owned_words : 16;
    if (word < network->owned_words)
        return true;
    while (count <= word)
        count *= 2;
    uint64_t *owned = realloc(network->owned, count * sizeof *owned);
    if (!owned)
        return false;
    memset(owned + network->owned_words, 0, (count - network->owned_words) * sizeof *owned);
    network->owned = owned;
    network->owned_words = count;
    return true;
}

void mp_descriptor_own(mp_network *network, int fd) {
    size_t word = (size_t)fd / BITS;
    assert(fd >= 0);
    if (make_room(network, word))
        network->owned[word] |= (uint64_t)1 << ((size_t)fd % BITS);
}

bool mp_descriptor_is_owned(const mp_network *network, int fd) {
    size_t word = (size_t)fd / BITS;
    assert(fd >= 0);
    return word < network->owned_words && (network->owned[word] >> ((size_t)fd % BITS) & 1);
}

void mp_descriptor_close(mp_network *network, int fd) {
    size_t word = (size_t)fd / BITS;
    assert(fd >= 0);
    if (word < network->owned_words)
        network->owned[word] &= ~((uint64_t)1 << ((size_t)fd % BITS));
    mp_system_close(fd);
    mp_descriptor_freed(network);
}

void mp_descriptor_await(mp_network *network, mp_starving *starving) {
    assert(starving->freed);
    if (!starving->link.next)
        mp_ring_append(&network->starving, &starving->link);
}

void mp_descriptor_stop_awaiting(mp_starving *starving) {
    if (starving->link.next)
        mp_ring_remove(&starving->link);
}

void mp_descriptor_freed(mp_network *network) {
    mp_ring told;
    mp_ring_init(&told);
    /* One that waits again is called the next time. */
    while (!mp_ring_is_empty(&network->starving)) {
        mp_ring *link = network->starving.next;
        mp_ring_remove(link);
        mp_ring_append(&told, link);
    }
    while (!mp_ring_is_empty(&told)) {
        mp_starving *starving = MP_CONTAINER(told.next, mp_starving, link);
        mp_ring_remove(&starving->link);
        starving->freed(starving);
    }
}
