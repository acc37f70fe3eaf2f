/*
 * Draining: the listeners are closed, the connections stay, and the program stops when the last one ends.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_DRAIN_H
#define PROGRAM_DRAIN_H

#include "loop/watcher.h"
#include "object/state.h"

typedef struct program_drain {
    bool active;
    binding_state *state;
    mp_each_turn turn;
    void (*drained)(struct program_drain *drain); /* called once */
    void *owner;                                  /* of `drained` */
} program_drain;

/* Begins, unless it has. `drained` is called from the loop. */
void program_begin_drain(program_drain *drain, binding_state *state, void (*drained)(program_drain *drain),
                         void *owner);

void program_stop_drain(program_drain *drain);

#endif
