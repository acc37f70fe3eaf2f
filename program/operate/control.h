/*
 * The control socket: whoever runs the program, or root, can ask it while it runs (moonport ctl). Nothing of
 * this counts as a connection of the service, keeps it running, or has it wait when it stops.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_CONTROL_H
#define PROGRAM_CONTROL_H

#include "loop/timer.h"
#include "net/local_place.h"
#include "operate/visitor.h"

#define PROGRAM_VISITORS 8 /* at a time */

typedef struct program_control {
    binding_state *state;
    mp_readable clients;
    mp_delay again; /* accepts again after a shortage */
    int fd;         /* listens; -1: there is no control socket */
    mp_local_place *place;
    program_visitor visitors[PROGRAM_VISITORS];
} program_control;

/* Makes the control socket. `wish` is what --control says: NULL, a path, or "off". Without success the log
   gets a warning, and the program runs without one. */
void program_start_control(program_control *self, binding_state *state, const char *wish);

/* Takes a client that has come another way, unless it may not ask. */
void program_admit_visitor(program_control *self, int fd);

/* Ends it, and removes its file. */
void program_stop_control(program_control *self);

#endif
