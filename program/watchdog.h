/*
 * --handler-timeout: a handler that doesn't return is ended with an error that names the line it was at.
 * --handler-kill: one that goes on in spite of that ends the process.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_WATCHDOG_H
#define PROGRAM_WATCHDOG_H

#include "object/state.h"

typedef struct program_watchdog {
    binding_state *state;
    double timeout, kill;         /* milliseconds; 0: off */
    double interval;              /* from one look to the next */
    volatile uint32_t run, ticks; /* of the handler that was seen last */
} program_watchdog;

/* False: there is no timer. */
bool program_start_watchdog(program_watchdog *watchdog, binding_state *state, double timeout, double kill);
void program_stop_watchdog(program_watchdog *watchdog);

#endif
