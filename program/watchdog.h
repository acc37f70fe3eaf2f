/*
 * --handler-timeout: a handler that doesn't return is ended with an error that names the line it was at.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_WATCHDOG_H
#define PROGRAM_WATCHDOG_H

#include "object/state.h"

typedef struct program_watchdog {
    binding_state *state;
    double timeout;               /* milliseconds; 0: off */
    volatile uint32_t run, ticks; /* of the handler that was seen last */
} program_watchdog;

/* False: there is no timer. */
bool program_start_watchdog(program_watchdog *watchdog, binding_state *state, double timeout);
void program_stop_watchdog(program_watchdog *watchdog);

#endif
