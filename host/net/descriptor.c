/*
 * The descriptors that a loop owns, a bit each; see descriptor.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/descriptor.h"

#include <stdlib.h>
#include <string.h>

#include "system/system.h"

#define BITS 64u

static bool make_room(mp_loop *loop, size_t word) {
    size_t count = loop->owned_words ? loop->owned_words : 16;
    if (word < loop->owned_words)
        return true;
    while (count <= word)
        count *= 2;
    uint64_t *owned = realloc(loop->owned, count * sizeof *owned);
    if (!owned)
        return false;
    memset(owned + loop->owned_words, 0, (count - loop->owned_words) * sizeof *owned);
    loop->owned = owned;
    loop->owned_words = count;
    return true;
}

void mp_descriptor_own(mp_loop *loop, int fd) {
    size_t word = (size_t)fd / BITS;
    if (make_room(loop, word))
        loop->owned[word] |= (uint64_t)1 << ((size_t)fd % BITS);
}

bool mp_descriptor_is_owned(const mp_loop *loop, int fd) {
    size_t word = (size_t)fd / BITS;
    return word < loop->owned_words && (loop->owned[word] >> ((size_t)fd % BITS) & 1);
}

void mp_descriptor_close(mp_loop *loop, int fd) {
    size_t word = (size_t)fd / BITS;
    if (word < loop->owned_words)
        loop->owned[word] &= ~((uint64_t)1 << ((size_t)fd % BITS));
    mp_system_close(fd);
}
