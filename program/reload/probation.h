/*
 * --rollback-errors: new code is on trial for a while, in which the code before may come back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_PROBATION_H
#define PROGRAM_PROBATION_H

#include "loop/timer.h"
#include "object/state.h"

typedef struct program_probation {
    binding_state *state;
    double allowed;  /* per cent of the calls that may fail; negative: there is no probation */
    int environment; /* of the code before, while it may come back: registry reference */
    mp_delay look;
    double ends;
    uint64_t calls, errors; /* of the code before, at the commit */
    /* The new code has failed too often; it is on trial no longer, but `environment` is kept. From the loop. */
    void (*failed)(struct program_probation *probation);
    void *owner; /* of `failed` */
} program_probation;

void program_init_probation(program_probation *probation, binding_state *state, double allowed,
                            void (*failed)(program_probation *probation), void *owner);

/* Begins with code that has just taken over from one that had so many calls and errors. Takes over the reference to that one's
   environment. */
void program_begin_probation(program_probation *probation, int environment, uint64_t calls, uint64_t errors);

/* The code before is forgotten. */
void program_end_probation(program_probation *probation);

#endif
