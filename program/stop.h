/*
 * Stopping: SIGTERM, SIGINT and moonport.quit(). Listeners close, onQuit's function has its turn, connections
 * send what is queued; after the grace time for all of that the rest is aborted. A second signal ends the
 * process at once, also while a script keeps the loop from running: so the handlers are the program's own,
 * and not libev's.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_STOP_H
#define PROGRAM_STOP_H

#include <signal.h>

#include "loop/bell.h"
#include "loop/timer.h"
#include "loop/watcher.h"
#include "object/state.h"

typedef struct program_stop {
    binding_state *state;
    double grace; /* milliseconds */
    enum { STOP_NOT_BEGUN, STOP_BEGUN, STOP_SCRIPT, STOP_CONNECTIONS } stage;
    volatile sig_atomic_t signals; /* that told it to stop */
    mp_wakeup told;
    mp_interrupt user[2]; /* SIGUSR1 and SIGUSR2, which nobody handles */
    mp_delay grace_over;
    mp_each_turn turn;
    void (*begun)(struct program_stop *stop); /* it stops; called once */
    void *owner;                              /* of `begun` */
} program_stop;

/* Stops at signals from now on. */
void program_watch_signals(program_stop *self, mp_bell *bell, binding_state *state, double grace,
                           void (*begun)(program_stop *stop), void *owner);

/* Begins to stop, if it hasn't. */
void program_begin_stop(program_stop *self);

/* From here on the state is being closed: a signal has its ordinary effect. */
void program_unwatch_signals(program_stop *self);

#endif
