/*
 * Retirement: newer code has taken over from a run of the script, and what the run itself has made ends. That
 * it has retired is one flag, whatever it has made: no timer of it fires and no task of it runs from then on.
 * They are ended, with what scripts have written into their __close, in slices of the loop's time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_RETIREMENT_H
#define BINDING_RETIREMENT_H

#include "object/generation.h"

/* The generation retires. What it has made ends at once as far as a slice goes; the rest is
   binding_retire_some's. */
void binding_retire(binding_generation *generation);

/* Ends some more of what retired runs have made; true: there is more. A chore of each turn. */
bool binding_retire_some(binding_state *state);

/* Cancels all tasks of a generation, whatever they are. */
void binding_cancel_tasks(const binding_generation *generation);

#endif
