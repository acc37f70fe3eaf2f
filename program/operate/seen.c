/*
 * What a walk has seen; see seen.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/seen.h"

#include <stdint.h>
#include <stdlib.h>

#define FIRST 1024
#define MOST ((size_t)1 << 22) /* places; three quarters are used */

static const char gone; /* stands where an address was */

static size_t place_of(const void *const *places, size_t room, const void *address) {
    size_t at = (size_t)(((uintptr_t)address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (room - 1);
    while (places[at] && places[at] != address)
        at = (at + 1) & (room - 1);
    return at;
}

static bool make_room(program_seen *self) {
    size_t room = self->room > 0 ? 2 * self->room : FIRST;
    if (self->used < self->room / 4 * 3)
        return true;
    const void **places = room <= MOST ? calloc(room, sizeof *places) : NULL;
    if (!places)
        return false;
    self->used = 0;
    for (size_t i = 0; i < self->room; i++)
        if (self->places[i] && self->places[i] != &gone) {
            places[place_of(places, room, self->places[i])] = self->places[i];
            self->used++;
        }
    free(self->places);
    self->places = places;
    self->room = room;
    return true;
}

bool program_see(program_seen *self, const void *address) {
    if (!make_room(self)) {
        self->full = true;
        return false;
    }
    size_t at = place_of(self->places, self->room, address);
    if (self->places[at])
        return false;
    self->places[at] = address;
    self->used++;
    return true;
}

void program_forget_seen(program_seen *self, const void *address) {
    size_t at = self->room > 0 ? place_of(self->places, self->room, address) : 0;
    if (self->room > 0 && self->places[at])
        self->places[at] = &gone;
}

void program_free_seen(program_seen *self) {
    free(self->places);
    *self = (program_seen){0};
}
