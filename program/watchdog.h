/*
 * --handler-timeout: a handler that doesn't return ends with an error that names its line. --handler-kill: a
 * handler that still doesn't return ends the process.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_WATCHDOG_H
#define PROGRAM_WATCHDOG_H

#include "object/state.h"

typedef struct program_watchdog {
    binding_state *state;
    double timeout, kill; /* milliseconds; 0: off */
    double interval;      /* between two checks */
    /* Of the handler that the last check saw: */
    volatile uint32_t run;
    volatile double since; /* CPU time of its thread, milliseconds */
    volatile bool told;
} program_watchdog;

/* False: there is no timer. */
bool program_start_watchdog(program_watchdog *watchdog, binding_state *state, double timeout, double kill);
void program_stop_watchdog(program_watchdog *watchdog);

#endif
