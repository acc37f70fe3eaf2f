/*
 * A process of the program's own beside the one that runs the script, or beside the master: the store, and
 * the one that serves metrics. It runs this program, knows the same words, and is started again when it ends
 * unexpectedly. A channel, its standard input, tells it by its end to stop.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_OWN_PROCESS_H
#define PROGRAM_OWN_PROCESS_H

#include <sys/types.h>

#include "loop/timer.h"
#include "loop/watcher.h"
#include "object/state.h"
#include "options.h"

typedef struct program_own_process {
    binding_state *state;
    const program_options *options;
    const char *name;   /* as the log calls it: "the store" */
    const char *option; /* "--as-store": its first word, */
    const char *word;   /* and the second */
    int given;          /* becomes its first descriptor behind the standard ones */
    /* Each start calls `begun` with this end of the channel, which it takes; each end calls `over`. NULL: the
       channel is kept here. */
    void (*begun)(struct program_own_process *self, int channel);
    void (*over)(struct program_own_process *self);
    int channel; /* -1: none */
    int process; /* readable when it has ended; -1: none runs */
    pid_t pid;   /* 0: none runs */
    mp_readable ended;
    mp_delay again;
    double started; /* mp_loop_now */
    unsigned deaths;
} program_own_process;

/* Starts it; everything up to `over` is set, and `channel` and `process` are -1. Returns 0 or -errno. */
int program_start_own_process(program_own_process *self);

/* Ends it by the channel, and kills it if it runs after so many milliseconds. True: it ended well. */
bool program_end_own_process(program_own_process *self, double msec);

#endif
