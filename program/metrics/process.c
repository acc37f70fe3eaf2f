/*
 * The program as the process that serves metrics; see metrics.h. The rest of it is in process.lua and the
 * files beside it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "embedded.h"
#include "metrics/metrics.h"

void program_become_metrics(lua_State *L, program_options *options) {
    program_preload_modules(L, program_ctl_modules, "ctl.json");
    program_preload_modules(L, program_ctl_modules, "ctl.request");
    program_preload_modules(L, program_metrics_modules, NULL);
    program_preload_modules(L, program_workers_modules, "moonport.program.sums");
    mp_log_set_source("metrics");
    /* The channel is its standard input, and the listening socket the first descriptor behind the standard
       ones. */
    program_run_own_code(options, "require 'moonport.program.process'(0, 3)");
}
