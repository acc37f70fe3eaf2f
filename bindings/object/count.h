/*
 * How often handlers were called and have failed, by signal: those of a server's prototype for all its
 * connections, those that objects have themselves by kind. They are counted always, so that nobody who looks
 * into a running service has to have prepared it. Where there is no memory for counts, nothing is counted.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_COUNT_H
#define BINDING_COUNT_H

#include "net/listener.h"
#include "object/state.h"

typedef struct binding_count {
    uint64_t calls, errors;
} binding_count;

/* Of one prototype, or of objects of one kind. */
typedef struct binding_counts {
    binding_count of[MP_SIGNAL_COUNT];
} binding_counts;

/* Makes the counts in this place. NULL: no memory. */
binding_counts *binding_make_counts(binding_counts **place);

/* The count of a handler of `object`, of its server's prototype or its own. NULL: there is no memory. */
static inline binding_count *binding_count_of(const mp_object *object, enum mp_signal signal,
                                              bool of_prototype) {
    binding_state *state = object->loop->owner;
    binding_counts **place = &state->own_counts[object->behaviour->kind];
    if (of_prototype && ((const mp_stream *)object)->listener)
        place = (binding_counts **)&((const mp_stream *)object)->listener->counts;
    binding_counts *counts = *place ? *place : binding_make_counts(place);
    return counts ? &counts->of[signal] : NULL;
}

/* The state ends. */
void binding_free_counts(binding_state *state);

#endif
