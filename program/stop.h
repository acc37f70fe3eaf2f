/*
 * Stopping: SIGTERM, SIGINT and moonport.quit(). Listeners close, onQuit's function runs, and connections
 * send what is queued. After the grace time for all of that, the rest is aborted. A second signal ends the
 * process at once, even while a script blocks the loop, and even if the script takes it (moonport.onSignal);
 * so the signal handlers are the program's own, not libev's.
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

typedef struct program_stop_signal {
    mp_wakeup wakeup;
    struct program_stop *stop;
    int number;
    volatile sig_atomic_t seen; /* the generation that took it last */
} program_stop_signal;

typedef struct program_stop {
    binding_state *state;
    double grace; /* milliseconds */
    enum { STOP_NOT_BEGUN, STOP_BEGUN, STOP_SCRIPT, STOP_CONNECTIONS } stage;
    volatile sig_atomic_t signals; /* number of signals to stop that the script didn't take */
    program_stop_signal told[3];   /* SIGTERM, SIGINT, SIGQUIT */
    mp_delay grace_over;
    mp_each_turn turn;
    void (*begun)(struct program_stop *stop); /* stopping has begun; called once */
    void *owner;                              /* of `begun` */
} program_stop;

/* From now on, signals stop the program. */
void program_watch_stop(program_stop *self, mp_bell *bell, binding_state *state, double grace,
                        void (*begun)(program_stop *stop), void *owner);

/* Begins to stop, unless it already has. */
void program_begin_stop(program_stop *self);

/* The state is being closed: from now on a signal has its ordinary effect. */
void program_unwatch_stop(program_stop *self);

#endif
