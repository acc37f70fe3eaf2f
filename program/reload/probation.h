/*
 * --rollback-errors: new code is on trial for a while, and the previous code comes back if it fails too
 * often.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_PROBATION_H
#define PROGRAM_PROBATION_H

#include "loop/timer.h"
#include "object/state.h"

#define PROGRAM_KNOWN_ERRORS 64

/* The errors of one generation that count. */
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
    int environment; /* of the previous code, while it may come back: registry reference */
    mp_delay look;
    double ends;
    uint64_t calls, errors; /* of the previous code, at the commit */
    program_failures now, before;
    bool others; /* several peers' addresses were seen since */
    /* Called from the loop when the new code has failed too often. The trial is over, but `environment` is
       kept. */
    void (*failed)(struct program_probation *probation);
    void *owner; /* of `failed` */
} program_probation;

void program_init_probation(program_probation *probation, binding_state *state, double allowed,
                            void (*failed)(program_probation *probation), void *owner);

/* Begins when new code has taken over from code with these numbers of calls and errors. Takes over the
   reference to the old code's environment. */
void program_begin_probation(program_probation *probation, int environment, uint64_t calls, uint64_t errors);

/* Notes an error of this generation, for a peer or none. Errors that the previous code had as well don't
   count, nor do those of a single peer while there are others. */
void program_note_failure(program_probation *probation, const binding_generation *generation,
                          const char *message, const mp_address *peer);

/* Another generation serves: counts its errors from 0. Known errors stay known. */
void program_renew_failures(program_probation *probation);

/* Forgets the previous code. */
void program_end_probation(program_probation *probation);

#endif
