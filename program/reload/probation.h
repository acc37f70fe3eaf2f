/*
 * --rollback-errors: new code is on trial for a while, in which the code before may come back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_PROBATION_H
#define PROGRAM_PROBATION_H

#include "loop/timer.h"
#include "object/state.h"

#define PROGRAM_KNOWN_ERRORS 64

/* The errors of one generation, as far as they count. */
typedef struct program_failures {
    uint64_t
        known[PROGRAM_KNOWN_ERRORS]; /* hashes of their messages, the last of them; of earlier code too */
    unsigned count;                  /* ever known */
    uint64_t errors;
    mp_address peer; /* of the first that had one */
    bool has_peer;
    bool of_several; /* of another peer, or of none */
} program_failures;

typedef struct program_probation {
    binding_state *state;
    double allowed;  /* per cent of the calls that may fail; negative: there is no probation */
    int environment; /* of the code before, while it may come back: registry reference */
    mp_delay look;
    double ends;
    uint64_t calls, errors; /* of the code before, at the commit */
    program_failures now, before;
    bool others; /* peers of several addresses have been seen since */
    /* The new code has failed too often; it is on trial no longer, but `environment` is kept. From the
       loop. */
    void (*failed)(struct program_probation *probation);
    void *owner; /* of `failed` */
} program_probation;

void program_init_probation(program_probation *probation, binding_state *state, double allowed,
                            void (*failed)(program_probation *probation), void *owner);

/* Begins with code that has just taken over from one that had so many calls and errors. Takes over the
   reference to that one's environment. */
void program_begin_probation(program_probation *probation, int environment, uint64_t calls, uint64_t errors);

/* Code of this generation has failed with this message, for a peer or none. Errors that the code before had
   as well don't count, and those of one peer alone don't while there are others. */
void program_note_failure(program_probation *probation, const binding_generation *generation,
                          const char *message, const mp_address *peer);

/* Another generation serves: its errors are counted from 0, and what was known stays known. */
void program_renew_failures(program_probation *probation);

/* The code before is forgotten. */
void program_end_probation(program_probation *probation);

#endif
