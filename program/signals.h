/*
 * The signals that neither stop the program nor reload it: the script may take them with moonport.onSignal.
 * SIGUSR1 and SIGUSR2 would end the process otherwise.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SIGNALS_H
#define PROGRAM_SIGNALS_H

#include "loop/bell.h"
#include "object/state.h"

/* One of them. */
typedef struct program_signal {
    mp_interrupt interrupt;
    binding_state *state;
} program_signal;

typedef struct program_signals {
    program_signal each[4];
} program_signals;

void program_watch_signals(program_signals *self, mp_bell *bell, binding_state *state);

/* The state is being closed: from now on they do nothing. */
void program_unwatch_signals(program_signals *self);

/* For a process that another one of the program has started, and that heeds it alone: Ctrl-C and systemd
   reach both. SIGTERM, SIGINT and SIGHUP do nothing. PROGRAM_PARTING calls `parted`; NULL: does nothing. They
   have handlers, so that programs that it starts have the system's default. */
void program_heed_owner(void (*parted)(int number));

#endif
