/*
 * The program as a whole.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_RUN_H
#define PROGRAM_RUN_H

#include <lua.h>

#include "object/state.h"
#include "log_reader.h"
#include "metrics/metrics.h"
#include "operate/control.h"
#include "operate/drain.h"
#include "operate/failures.h"
#include "options.h"
#include "reload/reload.h"
#include "signals.h"
#include "stop.h"
#include "store/store.h"
#include "watchdog.h"
#include "workers/worker.h"

typedef struct program {
    program_options options;
    lua_State *L;
    binding_state *state;
    bool failed;
    mp_bell bell; /* for signals */
    program_log_reader log_reader;
    program_stop stop;
    program_signals signals;
    program_watchdog watchdog;
    program_reload reload;
    program_worker worker;
    program_store store;
    program_metrics metrics;
    double started; /* mp_loop_now */
    program_control control;
    program_drain drain;
    program_failures_kept failures;
} program;

/* Opens the libraries, runs -e and the script until nothing is left, and closes everything except the Lua
   state. `options` and `L` are set, everything else is zero. Returns the exit status. */
int program_run(program *self);

#endif
